/* replay.c — runs one fuzz target over files and folders of files, without libFuzzer
 *
 * The corpus is replayed on every test run with any compiler, so that a finding stays found.  Each
 * input is also tried cut short at every length up to a bound: most decoder mistakes are there.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "appliance/base/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 1 << 20, CUTS_MAX = 400 };

/* An own allocation of exactly @size, so that the sanitizer sees one byte too many. */
static int try_exactly(const uint8_t *data, size_t size) {
        auto_free uint8_t *copy = malloc(size ? size : 1);
        if (!copy)
                return -1;
        if (size > 0)
                memcpy(copy, data, size);
        (void)LLVMFuzzerTestOneInput(copy, size);
        return 0;
}

static int replay_file(const char *path) {
        auto_file FILE *f = fopen(path, "rbe");
        auto_free uint8_t *data = malloc(INPUT_MAX);
        if (!f || !data)
                return -1;
        size_t size = fread(data, 1, INPUT_MAX, f);
        int r = try_exactly(data, size);
        for (size_t cut = 0; cut < size && cut < CUTS_MAX && r == 0; cut++)
                r = try_exactly(data, cut);
        return r;
}

static void close_dirp(DIR **d) {
        if (*d)
                (void)closedir(*d);
}

static int replay(const char *path, unsigned *count) {
        char inner[4096];
        auto_(close_dirp) DIR *d = opendir(path);
        if (!d) {
                ++*count;
                return replay_file(path);
        }
        for (const struct dirent *e; (e = readdir(d));) {
                if (e->d_name[0] == '.')
                        continue;
                (void)snprintf(inner, sizeof inner, "%s/%s", path, e->d_name);
                ++*count;
                if (replay_file(inner) < 0)
                        return -1;
        }
        return 0;
}

int main(int argc, char **argv) {
        unsigned count = 0;
        for (int i = 1; i < argc; i++)
                if (replay(argv[i], &count) < 0) {
                        (void)fprintf(stderr, "cannot replay %s\n", argv[i]);
                        return 1;
                }
        (void)printf("%u inputs\n", count);
        return count > 0 ? 0 : 1;
}
