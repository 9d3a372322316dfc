/* host-events.c — libvirt's event thread, and its events as ours */
#include "migrate/host-internal.h"

#include <libvirt/libvirt-qemu.h>
#include <libvirt/virterror.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "migrate/libvirt-error.h"

void host_tell(VmHost *host, const VmEvent *event) {
        (void)pthread_mutex_lock(&host->lock);
        unsigned count = host->listener_count;  /* grows only, and an entry never changes */
        (void)pthread_mutex_unlock(&host->lock);
        for (unsigned i = 0; i < count; i++)
                host->listeners[i].call(host->listeners[i].userdata, event);
}

int vmhost_listen(VmHost *host, void (*listener)(void *userdata, const VmEvent *event), void *userdata,
                  Error *err) {
        (void)pthread_mutex_lock(&host->lock);
        bool full = host->listener_count == LISTENERS_MAX;
        if (!full) {
                host->listeners[host->listener_count].call = listener;
                host->listeners[host->listener_count++].userdata = userdata;
        }
        (void)pthread_mutex_unlock(&host->lock);
        return full ? error_set(err, ERROR_LIMIT, 0, "the VM host has %d listeners already", LISTENERS_MAX) : 0;
}

static VmEvent event_of(VmEventKind kind, int detail, virDomainPtr domain) {
        VmEvent event = { .kind = kind, .detail = detail };
        char id[VIR_UUID_STRING_BUFLEN] = "";

        (void)snprintf(event.name, sizeof event.name, "%s", virDomainGetName(domain));
        if (virDomainGetUUIDString(domain, id) == 0)
                (void)snprintf(event.id, sizeof event.id, "%s", id);
        return event;
}

static int on_lifecycle(virConnectPtr connection, virDomainPtr domain, int what, int detail, void *userdata) {
        static const struct { int event; VmEventKind kind; } kinds[] = {
                { VIR_DOMAIN_EVENT_DEFINED, VM_EVENT_DEFINED },
                { VIR_DOMAIN_EVENT_UNDEFINED, VM_EVENT_UNDEFINED },
                { VIR_DOMAIN_EVENT_STARTED, VM_EVENT_STARTED },
                { VIR_DOMAIN_EVENT_SUSPENDED, VM_EVENT_SUSPENDED },
                { VIR_DOMAIN_EVENT_RESUMED, VM_EVENT_RESUMED },
                { VIR_DOMAIN_EVENT_STOPPED, VM_EVENT_STOPPED },
                { VIR_DOMAIN_EVENT_CRASHED, VM_EVENT_CRASHED },
        };
        VmHost *host = userdata;
        (void)connection;

        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
                if (kinds[i].event != what)
                        continue;
                VmEvent event = event_of(kinds[i].kind, detail, domain);
                if (what == VIR_DOMAIN_EVENT_STOPPED && detail == VIR_DOMAIN_EVENT_STOPPED_CRASHED)
                        event.kind = VM_EVENT_CRASHED;
                host_tell(host, &event);
        }
        if (what == VIR_DOMAIN_EVENT_STOPPED || what == VIR_DOMAIN_EVENT_CRASHED)
                host_keeper_wake(host);
        return 0;
}

static void on_disk_error(virConnectPtr connection, virDomainPtr domain, const char *path, const char *alias,
                          int action, const char *reason, void *userdata) {
        (void)connection, (void)path;
        VmEvent event = event_of(VM_EVENT_DISK_ERROR, action, domain);
        (void)snprintf(event.text, sizeof event.text, "disk %s of \"%s\" failed (%s)%s", alias ? alias : "?",
                       event.name, reason && *reason ? reason : "error",
                       action == VIR_DOMAIN_EVENT_IO_ERROR_PAUSE ? "; the virtual machine is paused" : "");
        host_tell(userdata, &event);
}

static void on_reboot(virConnectPtr connection, virDomainPtr domain, void *userdata) {
        (void)connection;
        VmEvent event = event_of(VM_EVENT_GUEST_REBOOTED, 0, domain);
        host_tell(userdata, &event);
}

/* QEMU's own event, {"status": "completed"}: libvirt tells of it only when it has dealt with it. */
static void on_migration(virConnectPtr connection, virDomainPtr domain, const char *name, long long seconds,
                         unsigned int micros, const char *details, void *userdata) {
        (void)connection, (void)name, (void)seconds, (void)micros;
        if (!details || !strstr(details, "\"completed\""))
                return;
        VmEvent event = event_of(VM_EVENT_MIGRATED, 0, domain);
        host_tell(userdata, &event);
}

static void on_closed(virConnectPtr connection, int reason, void *userdata) {
        (void)connection, (void)reason;
        host_keeper_wake(userdata);             /* reopens, and looks at what happened meanwhile */
}

/* libvirt takes callbacks of several types as one; void (*)(void) is the type that may stand for any. */
#define AS_LIBVIRT_WANTS(fn) ((virConnectDomainEventGenericCallback)(void (*)(void))(fn))

int host_events_register(VmHost *host, virConnectPtr connection, Error *err) {
        static const struct { int id; virConnectDomainEventGenericCallback call; } wanted[EVENTS_USED] = {
                { VIR_DOMAIN_EVENT_ID_LIFECYCLE, AS_LIBVIRT_WANTS(on_lifecycle) },
                { VIR_DOMAIN_EVENT_ID_IO_ERROR_REASON, AS_LIBVIRT_WANTS(on_disk_error) },
                { VIR_DOMAIN_EVENT_ID_REBOOT, AS_LIBVIRT_WANTS(on_reboot) },
        };
        for (size_t i = 0; i < EVENTS_USED; i++)
                host->callbacks[i] = -1;
        host->qemu_callback = -1;
        if (virConnectRegisterCloseCallback(connection, on_closed, host, NULL) < 0)
                return libvirt_error(err, "cannot watch the connection to libvirt");
        for (size_t i = 0; i < EVENTS_USED; i++) {
                host->callbacks[i] = virConnectDomainEventRegisterAny(connection, NULL, wanted[i].id,
                                                                      wanted[i].call, host, NULL);
                if (host->callbacks[i] < 0)
                        return libvirt_error(err, "cannot listen to libvirt's events");
        }
        host->qemu_callback = virConnectDomainQemuMonitorEventRegister(connection, NULL, "MIGRATION", on_migration, host,
                                                                       NULL, 0);
        if (host->qemu_callback < 0)
                return libvirt_error(err, "cannot listen to QEMU's events");
        return 0;
}

/* Callbacks hold references of the connection: without this it would never close. */
void host_events_unregister(VmHost *host, virConnectPtr connection) {
        (void)virConnectUnregisterCloseCallback(connection, on_closed);
        for (size_t i = 0; i < EVENTS_USED; i++) {
                if (host->callbacks[i] >= 0)
                        (void)virConnectDomainEventDeregisterAny(connection, host->callbacks[i]);
                host->callbacks[i] = -1;
        }
        if (host->qemu_callback >= 0)
                (void)virConnectDomainQemuMonitorEventDeregister(connection, host->qemu_callback);
        host->qemu_callback = -1;
}

static void on_stop_timer(int timer, void *userdata) {
        (void)timer;
        VmHost *host = userdata;
        atomic_store((_Atomic bool *)&host->events_stopping, true);
}

static void *event_thread(void *userdata) {
        VmHost *host = userdata;

        while (!atomic_load((_Atomic bool *)&host->events_stopping))
                if (virEventRunDefaultImpl() < 0)
                        (void)usleep(100000);   /* only poll() failing for lack of memory comes here */
        return NULL;
}

/* libvirt's own handler prints on stderr what libvirt_error() hands to the caller. */
static void say_nothing(void *userdata, virErrorPtr error) { (void)userdata, (void)error; }

int host_events_start(VmHost *host, Error *err) {
        virSetErrorFunc(NULL, say_nothing);
        if (virInitialize() < 0 || virEventRegisterDefaultImpl() < 0)
                return libvirt_error(err, "cannot start libvirt's client");
        host->stop_timer = virEventAddTimeout(-1, on_stop_timer, host, NULL);
        if (host->stop_timer < 0)
                return libvirt_error(err, "cannot start libvirt's event loop");
        int r = pthread_create(&host->event_thread, NULL, event_thread, host);
        if (r != 0)
                return error_set(err, ERROR_LIMIT, r, "cannot start libvirt's event thread");
        host->has_event_thread = true;
        return 0;
}

void host_events_stop(VmHost *host) {
        if (!host->has_event_thread)
                return;
        virEventUpdateTimeout(host->stop_timer, 0);
        (void)pthread_join(host->event_thread, NULL);
        (void)virEventRemoveTimeout(host->stop_timer);
}
