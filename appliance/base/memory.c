#include "appliance/base/memory.h"

#include <link.h>
#include <malloc.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { ARENAS = 2 };

void memory_setup(void) {
        /* Not the thresholds for large blocks: a move's buffers would then be mapped and unmapped for every piece. */
        (void)mallopt(M_ARENA_MAX, ARENAS);
}

/* The segments of a library that nobody can have written: their pages are those of the file, and come back when touched. */
static int unmap_pages(struct dl_phdr_info *info, size_t size, void *userdata) {
        const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

        for (size_t i = 0; i < info->dlpi_phnum; i++) {
                const ElfW(Phdr) *p = &info->dlpi_phdr[i];
                if (p->p_type != PT_LOAD || (p->p_flags & PF_W) || p->p_memsz != p->p_filesz)
                        continue;
                uintptr_t begin = (info->dlpi_addr + p->p_vaddr) & ~(page - 1), end = info->dlpi_addr + p->p_vaddr + p->p_filesz;
                (void)madvise((void *)begin, end - begin, MADV_DONTNEED);
        }
        return 0;
}

static int on_idle(sd_event_source *source, uint64_t usec, void *userdata) {
        if (!userdata) {                /* the start */
                (void)dl_iterate_phdr(unmap_pages, NULL);
                (void)sd_event_source_set_userdata(source, source);
        }
        (void)malloc_trim(0);
        return 0;
}

int memory_watch(sd_event *event, sd_event_source **ret, Error *err) {
        int r = sd_event_add_time_relative(event, ret, CLOCK_MONOTONIC, MEMORY_IDLE_US, MEMORY_IDLE_US, on_idle, NULL);
        if (r < 0)
                return error_set(err, ERROR_INTERNAL, -r, "cannot make a timer: %s", strerror(-r));
        return 0;
}

void memory_used(sd_event_source *source) {
        if (!source)
                return;
        (void)sd_event_source_set_time_relative(source, MEMORY_IDLE_US);
        (void)sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}
