/* init.c — the only program in the test guest
 *
 * Writes numbered, checksummed records to its disk and flushes them, says on the serial port what is safely on the
 * disk, and prints a tick every few milliseconds so that a pause can be seen from outside.  Lines it prints:
 *
 *   UP mode=… slots=…          it runs
 *   T ms                       a tick: milliseconds of its own clock
 *   F n                        every record up to n is on the disk, flushed
 *   VERIFY ok last=n flushed=n | VERIFY bad …
 *   SYNCED n, ERROR …, BYE
 *
 * Lines it obeys: mode write|idle|verify, sync, poweroff, tick MS, dirty MIB MIB_PER_S.  The power button works too.
 * With devices=1 also what devices.h says.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/input.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "devices.h"
#include "record.h"

#define MARKER "HOLDFAST-PLANTED-MARKER-0123456789"
enum { MARKER_MIB = 16, BATCH_MAX = 64, MIB = 1024 * 1024 };

typedef enum Mode { MODE_IDLE, MODE_WRITE, MODE_VERIFY } Mode;

typedef struct Guest {
        int disk, serial;
        _Atomic Mode mode;
        atomic_uint tick_ms, dirty_mib, dirty_rate;
        atomic_bool sync, off;
        unsigned batch, pause_ms;
        bool marker, devices;
        char address[16];
        uint64_t slots, number, flushed;        /* the writer's own */
        uint32_t boot;
        pthread_mutex_t print;
} Guest;

static uint64_t now_ns(void) {
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

static void sleep_ms(unsigned ms) {
        struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };
        nanosleep(&t, NULL);
}

__attribute__((format(printf, 2, 3))) static void say(Guest *g, const char *format, ...) {
        char line[256];
        va_list ap;

        va_start(ap, format);
        int n = vsnprintf(line, sizeof line - 1, format, ap);
        va_end(ap);
        if (n > (int)sizeof line - 2)
                n = sizeof line - 2;
        line[n++] = '\n';
        pthread_mutex_lock(&g->print);
        for (int done = 0; done < n; ) {
                ssize_t w = write(g->serial, line + done, (size_t)(n - done));
                if (w <= 0)
                        break;
                done += (int)w;
        }
        pthread_mutex_unlock(&g->print);
}

static void power_off(Guest *g) {
        (void)fsync(g->disk);
        say(g, "BYE");
        tcdrain(g->serial);
        reboot(RB_POWER_OFF);
        for (;;)
                pause();
}

/* ---- the disk ---- */

static off_t slot_at(const Guest *g, uint64_t number) {
        return RECORDS_AT + (off_t)(number % g->slots) * RECORD_BYTES;
}

static void record_make(const Guest *g, Record *r, uint64_t number) {
        uint64_t seed = number * UINT64_C(0x9e3779b97f4a7c15) + g->boot;

        memset(r, 0, sizeof *r);
        for (size_t i = 0; i + 8 <= sizeof r->fill; i += 8) {
                seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
                memcpy(r->fill + i, &seed, 8);
        }
        r->magic = RECORD_MAGIC;
        r->number = number;
        r->flushed = g->flushed;
        r->monotonic_ns = now_ns();
        r->boot = g->boot;
        r->crc = record_crc(r);
}

/* Reads every slot.  Returns false when one that must hold a record does not, after saying which. */
static bool records_read(Guest *g, bool judge, uint64_t *ret_last, uint64_t *ret_flushed) {
        uint64_t *numbers = calloc(g->slots, sizeof *numbers), last = 0, flushed = 0;
        Record *r = NULL;

        if (!numbers || posix_memalign((void **)&r, RECORD_BYTES, RECORD_BYTES) != 0) {
                say(g, "ERROR no memory to verify");
                return false;
        }
        for (uint64_t i = 0; i < g->slots; i++) {
                if (pread(g->disk, r, RECORD_BYTES, RECORDS_AT + (off_t)i * RECORD_BYTES) != RECORD_BYTES) {
                        say(g, "VERIFY bad slot=%lu cannot be read: %s", (unsigned long)i, strerror(errno));
                        free(numbers), free(r);
                        return false;
                }
                if (r->magic != RECORD_MAGIC || r->crc != record_crc(r) || r->number % g->slots != i)
                        continue;       /* empty or torn: 0 */
                numbers[i] = r->number;
                last = r->number > last ? r->number : last;
                flushed = r->flushed > flushed ? r->flushed : flushed;
        }
        bool ok = true;
        uint64_t first = flushed > g->slots ? flushed - g->slots + 1 : 1;
        for (uint64_t n = first; judge && ok && n <= flushed; n++) {
                if (numbers[n % g->slots] >= n || n + g->slots <= flushed + BATCH_MAX)
                        continue;       /* there, or just being overwritten by its successor, which was not flushed */
                say(g, "VERIFY bad record=%lu slot=%lu holds=%lu flushed=%lu", (unsigned long)n,
                    (unsigned long)(n % g->slots), (unsigned long)numbers[n % g->slots], (unsigned long)flushed);
                ok = false;
        }
        *ret_last = last;
        *ret_flushed = flushed;
        free(numbers);
        free(r);
        return ok;
}

static void verify(Guest *g) {
        uint64_t last = 0, flushed = 0, mine = g->flushed;

        if (!records_read(g, true, &last, &flushed))
                return;
        if (last < mine)
                say(g, "VERIFY bad last=%lu but %lu was flushed", (unsigned long)last, (unsigned long)mine);
        else
                say(g, "VERIFY ok last=%lu flushed=%lu", (unsigned long)last, (unsigned long)(flushed > mine ? flushed : mine));
}

static void *writer(void *userdata) {
        Guest *g = userdata;
        Record *batch;
        uint64_t said = 0, last = 0, flushed = 0;

        if (posix_memalign((void **)&batch, RECORD_BYTES, BATCH_MAX * sizeof *batch) != 0)
                return NULL;
        if (!records_read(g, false, &last, &flushed))
                return NULL;
        g->number = last;               /* numbering goes on where an earlier start ended */
        g->flushed = flushed;
        for (;;) {
                if (g->off)
                        power_off(g);
                if (g->mode == MODE_VERIFY) {
                        verify(g);
                        power_off(g);
                }
                if (g->mode == MODE_WRITE) {
                        for (unsigned i = 0; i < g->batch; i++) {
                                record_make(g, &batch[i], g->number + 1);
                                if (pwrite(g->disk, &batch[i], RECORD_BYTES, slot_at(g, g->number + 1)) != RECORD_BYTES) {
                                        say(g, "ERROR write of record %lu: %s", (unsigned long)g->number + 1, strerror(errno));
                                        g->mode = MODE_IDLE;
                                        break;
                                }
                                g->number++;
                        }
                        if (fdatasync(g->disk) < 0) {
                                say(g, "ERROR flush after record %lu: %s", (unsigned long)g->number, strerror(errno));
                                g->mode = MODE_IDLE;
                                continue;
                        }
                        g->flushed = g->number;
                        if (now_ns() - said > 50000000U) {      /* a line per flush would drown the ticks */
                                say(g, "F %lu", (unsigned long)g->flushed);
                                said = now_ns();
                        }
                }
                if (g->sync) {
                        (void)fdatasync(g->disk);
                        g->sync = false;
                        say(g, "SYNCED %lu", (unsigned long)g->flushed);
                }
                sleep_ms(g->mode == MODE_WRITE ? g->pause_ms : 10);
        }
}

/* ---- the clock on the wall, and memory that changes ---- */

static void *ticker(void *userdata) {
        Guest *g = userdata;

        for (;;) {
                say(g, "T %lu", (unsigned long)(now_ns() / 1000000));
                sleep_ms(g->tick_ms);
        }
        return NULL;
}

static void *dirtier(void *userdata) {
        Guest *g = userdata;
        uint8_t *area = NULL;
        size_t size = 0, at = 0;
        uint64_t word = 1;

        for (;;) {
                size_t want = (size_t)g->dirty_mib * MIB;
                if (want != size) {
                        if (area)
                                munmap(area, size);
                        area = want ? mmap(NULL, want, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) : NULL;
                        if (area == MAP_FAILED) {
                                say(g, "ERROR no memory to dirty");
                                g->dirty_mib = 0;
                                area = NULL;
                                want = 0;
                        }
                        size = want;
                        at = 0;
                }
                if (!area || !g->dirty_rate) {
                        sleep_ms(50);
                        continue;
                }
                /* the rate in slices of 10 ms; each page gets a new word, so no two passes look alike */
                uint64_t started = now_ns(), pages = (uint64_t)g->dirty_rate * MIB / 4096 / 100 + 1;
                for (uint64_t i = 0; i < pages; i++, word++, at = (at + 4096) % size)
                        memcpy(area + at, &word, sizeof word);
                uint64_t took_ms = (now_ns() - started) / 1000000;
                if (took_ms < 10)
                        sleep_ms((unsigned)(10 - took_ms));
        }
        return NULL;
}

static void plant_marker(Guest *g) {
        char *area = mmap(NULL, MARKER_MIB * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (area == MAP_FAILED) {
                say(g, "ERROR no memory for the marker");
                return;
        }
        for (size_t at = 0; at + sizeof MARKER <= MARKER_MIB * MIB; at += sizeof MARKER - 1)
                memcpy(area + at, MARKER, sizeof MARKER - 1);
        say(g, "MARKER planted");
}

/* ---- what it is told ---- */

/* One setting, from the config block (key=value) or the serial port (key value).  Unknown words are ignored: the
 * block may be written by a newer tool. */
static void obey(Guest *g, char *line) {
        char word[16] = "", value[16] = "", more[64] = "";
        unsigned a = 0, b = 0;

        for (char *p = line; *p; p++)
                if (*p == '=')
                        *p = ' ';
        if (sscanf(line, "%15s %15s %63s", word, value, more) < 1)
                return;
        a = (unsigned)strtoul(value, NULL, 10);
        b = (unsigned)strtoul(more, NULL, 10);
        if (!strcmp(word, "mode"))
                g->mode = !strcmp(value, "verify") ? MODE_VERIFY : !strcmp(value, "idle") ? MODE_IDLE : MODE_WRITE;
        else if (!strcmp(word, "tick"))
                g->tick_ms = a ? a : 1;
        else if (!strcmp(word, "dirty")) {
                g->dirty_mib = a;
                if (b)
                        g->dirty_rate = b;
        } else if (!strcmp(word, "rate"))
                g->dirty_rate = a;
        else if (!strcmp(word, "batch"))
                g->batch = a < 1 ? 1 : a > BATCH_MAX ? BATCH_MAX : a;
        else if (!strcmp(word, "pause"))
                g->pause_ms = a;
        else if (!strcmp(word, "marker"))
                g->marker = a != 0;
        else if (!strcmp(word, "devices"))
                g->devices = a != 0;
        else if (!strcmp(word, "address"))
                memcpy(g->address, value, sizeof value);
        else if (!strcmp(word, "sync"))
                g->sync = true;
        else if (!strcmp(word, "poweroff"))
                g->off = true;
        devices_obey(word, value, more);
}

static void read_config(Guest *g) {
        char *block = NULL, *rest, *line;

        if (posix_memalign((void **)&block, CONFIG_BYTES, CONFIG_BYTES) != 0)
                return;
        if (pread(g->disk, block, CONFIG_BYTES, CONFIG_AT) == CONFIG_BYTES) {
                block[CONFIG_BYTES - 1] = 0;
                for (rest = block; (line = strsep(&rest, "\n")); )
                        obey(g, line);
        }
        free(block);
}

static void serve_input(Guest *g) {
        char line[128];
        size_t have = 0;
        struct pollfd fds[5] = { { .fd = g->serial, .events = POLLIN } };
        nfds_t n = 1;

        for (int i = 0; i < 4; i++) {           /* the ACPI power button is one of the first input devices */
                char path[32];
                snprintf(path, sizeof path, "/dev/input/event%d", i);
                int fd = open(path, O_RDONLY | O_CLOEXEC);
                if (fd >= 0)
                        fds[n++] = (struct pollfd) { .fd = fd, .events = POLLIN };
        }
        for (;;) {
                if (poll(fds, n, -1) < 0)
                        continue;
                for (nfds_t i = 1; i < n; i++) {
                        struct input_event e;
                        if (fds[i].revents & POLLIN && read(fds[i].fd, &e, sizeof e) == sizeof e &&
                            e.type == EV_KEY && e.code == KEY_POWER && e.value == 1)
                                g->off = true;
                }
                char c;
                if (!(fds[0].revents & POLLIN) || read(g->serial, &c, 1) != 1)
                        continue;
                if (c == '\n' || c == '\r') {
                        line[have] = 0;
                        obey(g, line);
                        have = 0;
                } else if (have < sizeof line - 1)
                        line[have++] = c;
        }
}

/* ---- start ---- */

static void say_line(void *userdata, const char *line) { say(userdata, "%s", line); }

static void load_modules(void) {
        static const char *const names[] = { "/virtio_blk.ko", "/evdev.ko", "/button.ko" };

        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
                int fd = open(names[i], O_RDONLY | O_CLOEXEC);
                if (fd >= 0 && syscall(SYS_finit_module, fd, "", 0) < 0)
                        perror(names[i]);
                if (fd >= 0)
                        close(fd);
        }
}

static int serial_open(void) {
        int fd = open("/dev/ttyS0", O_RDWR | O_NOCTTY | O_CLOEXEC);
        struct termios t;

        if (fd < 0 || tcgetattr(fd, &t) < 0)
                return fd;
        cfmakeraw(&t);
        cfsetspeed(&t, B115200);
        t.c_cflag |= CLOCAL;
        tcsetattr(fd, TCSANOW, &t);
        return fd;
}

int main(void) {
        static Guest guest = { .disk = -1, .mode = MODE_WRITE, .tick_ms = 10, .batch = 8, .pause_ms = 10,
                               .dirty_rate = 64, .print = PTHREAD_MUTEX_INITIALIZER };
        Guest *g = &guest;
        uint64_t bytes = 0;
        pthread_t threads[3];

        mkdir("/dev", 0755);
        mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
        load_modules();
        g->serial = serial_open();
        for (int i = 0; i < 200 && g->disk < 0; i++) {
                g->disk = open("/dev/vda", O_RDWR | O_DIRECT | O_CLOEXEC);
                if (g->disk < 0)
                        sleep_ms(50);
        }
        if (g->disk < 0 || ioctl(g->disk, BLKGETSIZE64, &bytes) < 0 || bytes < RECORDS_AT + MIB) {
                say(g, "ERROR there is no virtio disk of at least 33 MiB");
                power_off(g);
        }
        g->slots = (bytes - RECORDS_AT) / RECORD_BYTES;
        if (getrandom(&g->boot, sizeof g->boot, GRND_NONBLOCK) < 0)
                g->boot = (uint32_t)now_ns();
        read_config(g);
        if (g->marker)
                plant_marker(g);
        say(g, "UP mode=%s slots=%lu", g->mode == MODE_WRITE ? "write" : g->mode == MODE_IDLE ? "idle" : "verify",
            (unsigned long)g->slots);
        void *(*const jobs[])(void *) = { writer, ticker, dirtier };
        for (size_t i = 0; i < 3; i++)
                if (pthread_create(&threads[i], NULL, jobs[i], g) != 0)
                        say(g, "ERROR no thread");
        if (g->devices) {
                devices_start(say_line, g);
                if (*g->address)
                        devices_obey("address", g->address, "");
        }
        serve_input(g);
}
