#include "smb/disk/unit.h"

#include <errno.h>
#include <string.h>
#include <systemd/sd-bus.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/clock.h"

#define SYSTEMD "org.freedesktop.systemd1"
#define SYSTEMD_PATH "/org/freedesktop/systemd1"
#define SYSTEMD_MANAGER "org.freedesktop.systemd1.Manager"

typedef struct Job {
        char path[128], result[32];     /* result: "done", "failed", "dependency" …; empty: not yet */
} Job;

static int open_bus(sd_bus **ret, Error *err) {
        int r = sd_bus_open_system(ret);
        if (r < 0)
                return error_set(err, ERROR_INTERNAL, -r, "cannot reach systemd over D-Bus: %s", strerror(-r));
        return 0;
}

/* Every job's end is announced; the path is known only after our call returned, so all of them are compared. */
static int on_job_removed(sd_bus_message *m, void *userdata, sd_bus_error *ignored) {
        Job *job = userdata;
        const char *path, *unit, *result;
        uint32_t id;

        if (sd_bus_message_read(m, "uoss", &id, &path, &unit, &result) >= 0 && strcmp(path, job->path) == 0)
                (void)strncpy(job->result, result, sizeof job->result - 1);
        return 0;
}

static int wait_for(sd_bus *bus, Job *job, const char *unit, uint64_t deadline_us, Error *err) {
        while (!*job->result) {
                int r = sd_bus_process(bus, NULL);
                if (r < 0)
                        return error_set(err, ERROR_INTERNAL, -r, "lost the connection to systemd: %s",
                                         strerror(-r));
                if (r > 0)
                        continue;
                uint64_t now = clock_us(CLOCK_MONOTONIC);
                if (now >= deadline_us)
                        return error_set(err, ERROR_TIMEOUT, 0, "systemd did not finish with %s in time; look at "
                                         "`systemctl status %s`", unit, unit);
                r = sd_bus_wait(bus, deadline_us - now);
                if (r < 0 && r != -EINTR)
                        return error_set(err, ERROR_INTERNAL, -r, "lost the connection to systemd: %s",
                                         strerror(-r));
        }
        return 0;
}

static int run_job(const char *method, const char *unit, uint64_t timeout_us, Job *ret, Error *err) {
        auto_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        auto_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        auto_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        uint64_t deadline_us = clock_us(CLOCK_MONOTONIC) + timeout_us;
        Job job = { 0 };
        const char *path;

        if (open_bus(&bus, err) < 0)
                return -1;
        int r = sd_bus_match_signal(bus, NULL, SYSTEMD, SYSTEMD_PATH, SYSTEMD_MANAGER, "JobRemoved", on_job_removed,
                                    &job);
        if (r >= 0)
                r = sd_bus_call_method(bus, SYSTEMD, SYSTEMD_PATH, SYSTEMD_MANAGER, "Subscribe", &error, NULL,
                                       NULL);
        if (r >= 0)
                r = sd_bus_call_method(bus, SYSTEMD, SYSTEMD_PATH, SYSTEMD_MANAGER, method, &error, &reply, "ss",
                                       unit, "replace");
        if (r >= 0)
                r = sd_bus_message_read(reply, "o", &path);
        if (r < 0 && sd_bus_error_has_name(&error, "org.freedesktop.systemd1.NoSuchUnit"))
                return error_set(err, ERROR_NOT_FOUND, -r, "systemd knows no unit %s", unit);
        if (r < 0)
                return error_set(err, ERROR_INTERNAL, -r, "systemd refused %s of %s: %s", method, unit,
                                 error.message ? error.message : strerror(-r));
        (void)strncpy(job.path, path, sizeof job.path - 1);
        if (wait_for(bus, &job, unit, deadline_us, err) < 0)
                return -1;
        *ret = job;
        return 0;
}

int unit_start(const char *unit, uint64_t timeout_us, Error *err) {
        Job job;
        if (run_job("StartUnit", unit, timeout_us, &job, err) < 0)
                return -1;
        if (strcmp(job.result, "done") != 0)
                return error_set(err, ERROR_INTERNAL, 0, "%s did not start (%s); look at `journalctl -u %s`", unit,
                                 job.result, unit);
        return 0;
}

int unit_stop(const char *unit, uint64_t timeout_us, Error *err) {
        Job job;
        if (run_job("StopUnit", unit, timeout_us, &job, err) < 0)
                return err->kind == ERROR_NOT_FOUND ? 0 : -1;
        if (strcmp(job.result, "done") != 0)
                return error_set(err, ERROR_INTERNAL, 0, "%s did not stop (%s); look at `journalctl -u %s`", unit,
                                 job.result, unit);
        return 0;
}

int unit_is_running(const char *unit, bool *ret, Error *err) {
        auto_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        auto_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        auto_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        auto_free char *state = NULL;
        const char *path;

        if (open_bus(&bus, err) < 0)
                return -1;
        int r = sd_bus_call_method(bus, SYSTEMD, SYSTEMD_PATH, SYSTEMD_MANAGER, "LoadUnit", &error, &reply, "s",
                                   unit);
        if (r >= 0)
                r = sd_bus_message_read(reply, "o", &path);
        if (r >= 0)
                r = sd_bus_get_property_string(bus, SYSTEMD, path, "org.freedesktop.systemd1.Unit", "ActiveState",
                                               &error, &state);
        if (r < 0)
                return error_set(err, ERROR_INTERNAL, -r, "systemd does not say how %s is: %s", unit,
                                 error.message ? error.message : strerror(-r));
        *ret = strcmp(state, "inactive") != 0 && strcmp(state, "failed") != 0;
        return 0;
}
