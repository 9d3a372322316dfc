/* devices.c — see devices.h */
#include "devices.h"
#include "record.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <net/if.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { BLOCK = 4096, PORT = 7777, LABEL_AT = 32768, LOOK_MS = 100 };

static struct {
        void (*say)(void *userdata, const char *line);
        void *userdata;
} out;

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...) {
        char line[200];
        va_list ap;

        va_start(ap, format);
        vsnprintf(line, sizeof line, format, ap);
        va_end(ap);
        out.say(out.userdata, line);
}

/* From the disk, behind the initrd (make.sh). */
static void load_modules(void) {
        off_t at = MODULES_AT;
        int fd = open("/dev/vda", O_RDONLY | O_CLOEXEC);
        char head[17] = "";

        for (unsigned long size; pread(fd, head, 16, at) == 16 && (size = strtoul(head, NULL, 10)) > 0; at += 16 + (off_t)size) {
                void *module = malloc(size);
                if (!module || pread(fd, module, size, at + 16) != (ssize_t)size ||
                    syscall(SYS_init_module, module, size, "") < 0)
                        say("ERROR module at %ld: %s", (long)at, strerror(errno));
                free(module);
        }
        close(fd);
}

/* ---- drives ---- */

static uint64_t disk_bytes(const char *name) {
        char path[32];
        uint64_t bytes = 0;

        snprintf(path, sizeof path, "/dev/%s", name);
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (fd >= 0 && ioctl(fd, BLKGETSIZE64, &bytes) < 0)
                bytes = 0;
        if (fd >= 0)
                close(fd);
        return bytes;
}

/* The volume's label, as ISO 9660 has it; "" without a medium. */
static void medium(char to[static 33]) {
        char block[2048] = "";

        to[0] = '\0';
        int fd = open("/dev/sr0", O_RDONLY | O_CLOEXEC);
        if (fd >= 0 && pread(fd, block, sizeof block, LABEL_AT) == sizeof block && !memcmp(block + 1, "CD001", 5)) {
                memcpy(to, block + 40, 32);
                to[32] = '\0';
                to[strcspn(to, " ")] = '\0';
        }
        if (fd >= 0)
                close(fd);
}

static bool link_up(int fd) {
        struct ifreq r = { .ifr_name = "eth0" };
        return ioctl(fd, SIOCGIFFLAGS, &r) == 0 && r.ifr_flags & IFF_RUNNING;
}

static void *watcher(void *userdata) {
        static const char *const names[] = { "vdb", "vdc", "sda", "sdb", "sdc" };
        uint64_t sizes[sizeof names / sizeof *names] = { 0 };
        char label[33] = "", now[33];
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        bool up = false;

        (void)userdata;
        for (;;) {
                for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
                        uint64_t bytes = disk_bytes(names[i]);
                        if (bytes != sizes[i] && bytes)
                                say("DISK %s %llu", names[i], (unsigned long long)bytes);
                        else if (bytes != sizes[i])
                                say("NODISK %s", names[i]);
                        sizes[i] = bytes;
                }
                medium(now);
                if (strcmp(now, label) && *now)
                        say("MEDIUM sr0 %s", now);
                else if (strcmp(now, label))
                        say("NOMEDIUM sr0");
                strcpy(label, now);
                if (link_up(fd) != up) {
                        up = !up;
                        say("LINK %s", up ? "up" : "down");
                }
                nanosleep(&(struct timespec){ .tv_nsec = LOOK_MS * 1000000L }, NULL);
        }
        return NULL;
}

static void touch(const char *name, const char *text) {
        char path[32], *block;

        if (posix_memalign((void **)&block, BLOCK, BLOCK))
                return;
        memset(block, 0, BLOCK);
        snprintf(path, sizeof path, "/dev/%.20s", name);
        int fd = open(path, (text ? O_RDWR : O_RDONLY) | O_DIRECT | O_CLOEXEC);
        if (text)
                snprintf(block, BLOCK, "%s", text);
        if (fd < 0 || (text ? pwrite(fd, block, BLOCK, 0) : pread(fd, block, BLOCK, 0)) != BLOCK || (text && fsync(fd) < 0))
                say("ERROR %s: %s", path, strerror(errno));
        else if (text)
                say("STAMPED %s", name);
        else
                say("READ %s %.100s", name, block);
        if (fd >= 0)
                close(fd);
        free(block);
}

/* ---- network ---- */

static void set_address(const char *text) {
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        struct ifreq r = { .ifr_name = "eth0" };
        struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = inet_addr(text) };

        memcpy(&r.ifr_addr, &a, sizeof a);
        bool ok = ioctl(fd, SIOCSIFADDR, &r) == 0;
        a.sin_addr.s_addr = htonl(0xFFFFFF00);
        memcpy(&r.ifr_netmask, &a, sizeof a);
        ok = ok && ioctl(fd, SIOCSIFNETMASK, &r) == 0;
        r.ifr_flags = IFF_UP;
        if (!ok || ioctl(fd, SIOCSIFFLAGS, &r) < 0)
                say("ERROR eth0: %s", strerror(errno));
        close(fd);
}

static void *listener(void *userdata) {
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(PORT) };
        char text[100];

        (void)userdata;
        if (bind(fd, (struct sockaddr *)&a, sizeof a) < 0)
                say("ERROR port: %s", strerror(errno));
        for (;;) {
                ssize_t n = recv(fd, text, sizeof text - 1, 0);
                if (n > 0) {
                        text[n] = '\0';
                        say("HEARD %s", text);
                }
        }
        return NULL;
}

static void hail(const char *address, const char *text) {
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(PORT), .sin_addr.s_addr = inet_addr(address) };

        if (sendto(fd, text, strlen(text), 0, (struct sockaddr *)&a, sizeof a) < 0)
                say("ERROR %s: %s", address, strerror(errno));
        close(fd);
}

void devices_start(void (*print)(void *userdata, const char *line), void *userdata) {
        pthread_t thread;

        out.say = print;
        out.userdata = userdata;
        load_modules();
        if (pthread_create(&thread, NULL, watcher, NULL) || pthread_create(&thread, NULL, listener, NULL))
                say("ERROR no thread");
}

void devices_obey(const char *word, const char *first, const char *second) {
        if (!out.say)
                return;
        if (!strcmp(word, "address"))
                set_address(first);
        else if (!strcmp(word, "stamp"))
                touch(first, second);
        else if (!strcmp(word, "look"))
                touch(first, NULL);
        else if (!strcmp(word, "hail"))
                hail(first, second);
}
