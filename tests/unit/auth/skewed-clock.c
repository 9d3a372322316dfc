/* skewed-clock.so — preloaded into a program whose clock shall be wrong by SKEW_S seconds, or by the number that the file
 * SKEW_FILE begins with at that moment (in place, 16 bytes) */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

static const char *file;

__attribute__((constructor)) static void look(void) {
        const char *path = getenv("SKEW_FILE");
        int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
        void *map = fd < 0 ? MAP_FAILED : mmap(NULL, 16, PROT_READ, MAP_SHARED, fd, 0);

        if (map != MAP_FAILED)
                file = map;
        if (fd >= 0)
                (void)close(fd);
}

static time_t skew(void) {
        const char *text = file ? file : getenv("SKEW_S");
        return text ? (time_t)strtol(text, NULL, 10) : 0;
}

EXPORT int clock_gettime(clockid_t clock, struct timespec *to) {
        int r = (int)syscall(SYS_clock_gettime, clock, to);
        if (r == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
                to->tv_sec += skew();
        return r;
}

EXPORT int gettimeofday(struct timeval *restrict to, void *restrict zone) {
        struct timespec now;
        int r = clock_gettime(CLOCK_REALTIME, &now);
        if (r == 0)
                *to = (struct timeval){ now.tv_sec, now.tv_nsec / 1000 };
        return r;
}

EXPORT time_t time(time_t *to) {
        struct timespec now;
        (void)clock_gettime(CLOCK_REALTIME, &now);
        if (to)
                *to = now.tv_sec;
        return now.tv_sec;
}
