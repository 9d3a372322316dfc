#include "auth/dns-record.h"

#include <stdio.h>
#include <string.h>

#include "auth/program.h"

#define NSUPDATE "/usr/bin/nsupdate"

enum { NSUPDATE_US = 15 * 1000000 };

static int run(const char *script, int size, size_t room, const char *environment, Error *err) {
        const char *const argv[] = { NSUPDATE, "-g", "-t", "5", NULL };
        ProgramResult result = { .status = -1 };

        if (size < 0 || (size_t)size >= room)
                return error_set(err, ERROR_LIMIT, 0, "a name is too long for DNS");
        if (program_run(argv, script, environment, NSUPDATE_US, &result, err) < 0)
                return -1;
        if (result.status != 0)
                return error_set(err, ERROR_UNREACHABLE, result.status, "%.200s", program_last_line(&result));
        return 0;
}

int dns_record_set(const char *server, const char *host, const char *address, const char *environment, Error *err) {
        const char *type = address && strchr(address, ':') ? "AAAA" : "A";
        char script[1536];
        int n;

        if (address)
                n = snprintf(script, sizeof script, "server %s\nupdate delete %s %s\nupdate add %s 3600 %s %s\nsend\n",
                             server, host, type, host, type, address);
        else
                n = snprintf(script, sizeof script, "server %s\nupdate delete %s A\nupdate delete %s AAAA\nsend\n",
                             server, host, host);
        return run(script, n, sizeof script, environment, err);
}

int dns_record_point(const char *server, const char *name, const char *host, const char *environment, Error *err) {
        char script[1536];
        int n = host ? snprintf(script, sizeof script,
                                "server %s\nupdate delete %s PTR\nupdate add %s 3600 PTR %s.\nsend\n", server, name,
                                name, host)
                     : snprintf(script, sizeof script, "server %s\nupdate delete %s PTR\nsend\n", server, name);

        return run(script, n, sizeof script, environment, err);
}
