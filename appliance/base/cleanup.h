/* cleanup.h — scope guards
 *
 * `auto_(fn) T *x = …;` calls fn(&x) when the scope ends.  The everyday ones have names.
 * take_ptr()/take_fd() give ownership away and leave the guard with nothing to do.
 */
#pragma once

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define auto_(fn) __attribute__((cleanup(fn)))
#define auto_free auto_(cleanup_freep)
#define auto_fd auto_(cleanup_closep)
#define auto_file auto_(cleanup_fclosep)

#define take_ptr(p) __extension__({ __typeof__(p) t_ = (p); (p) = NULL; t_; })
#define take_fd(fd) __extension__({ int t_ = (fd); (fd) = -1; t_; })

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* Defines x_freep() for a destructor x_free() that accepts NULL. */
#define DEFINE_FREEP(type, fn) \
        static inline void fn##p(type **p) { \
                fn(*p); \
                *p = NULL; \
        } \
        struct fn##p_takes_a_semicolon

static inline void cleanup_freep(void *p) {
        int saved = errno;
        free(*(void **)p);
        errno = saved;
}

static inline void cleanup_closep(const int *fd) {
        int saved = errno;
        if (*fd >= 0)
                (void)close(*fd);
        errno = saved;
}

static inline void cleanup_fclosep(FILE **f) {
        if (*f)
                (void)fclose(*f);
}
