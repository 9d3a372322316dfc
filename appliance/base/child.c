#include "appliance/base/child.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "appliance/base/cleanup.h"

int child_start(const char *const argv[], const char *environment, const int standard[3], pid_t *ret, Error *err) {
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        sigset_t none, all;
        /* it finds its domain as we do */
        static const char *const kept[] = { "KRB5_CONFIG", "RES_OPTIONS" };
        char *env[6] = { (char[]){ "PATH=/usr/sbin:/usr/bin:/sbin:/bin" }, (char[]){ "LC_ALL=C" } }, ours[ARRAY_SIZE(kept)][512];
        size_t count = 2;

        if (environment)
                env[count++] = (char *)(uintptr_t)environment;
        for (size_t i = 0; i < ARRAY_SIZE(kept); i++) {
                const char *value = getenv(kept[i]);
                if (value && (size_t)snprintf(ours[i], sizeof ours[i], "%s=%s", kept[i], value) < sizeof ours[i])
                        env[count++] = ours[i];         /* of two the first counts, which is the caller's */
        }

        (void)sigemptyset(&none);
        (void)sigfillset(&all);
        (void)posix_spawn_file_actions_init(&actions);
        (void)posix_spawnattr_init(&attributes);
        /* threads of a daemon block signals; a child must not inherit that */
        int r = posix_spawnattr_setsigmask(&attributes, &none);
        if (r == 0)
                r = posix_spawnattr_setsigdefault(&attributes, &all);
        if (r == 0)
                r = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
        for (int to = 0; r == 0 && to <= 2; to++)
                r = posix_spawn_file_actions_adddup2(&actions, standard[to], to);
        if (r == 0)
                r = posix_spawn_file_actions_addclosefrom_np(&actions, 3);
        if (r == 0)
                r = posix_spawn(ret, argv[0], &actions, &attributes, (char *const *)(uintptr_t)argv, env);
        (void)posix_spawn_file_actions_destroy(&actions);
        (void)posix_spawnattr_destroy(&attributes);
        if (r == ENOENT)
                return error_set(err, ERROR_NOT_FOUND, r, "the program %s is not installed", argv[0]);
        return r ? error_set(err, ERROR_INTERNAL, r, "cannot start %s", argv[0]) : 0;
}
