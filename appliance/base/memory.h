/* memory.h — a service that is idle holds no more than an idle service needs
 *
 * malloc keeps what a busy minute took: an arena for every few threads, and everything that was freed below something
 * that was not.  A process that runs for months gives it back when its work has ended.  And the dynamic linker looks for
 * every name in every library, and each page it touches is mapped with fifteen around it: after the start most of what a
 * service maps is of no use to it.
 */
#pragma once

#include <systemd/sd-event.h>

#include "appliance/base/error.h"

#define MEMORY_IDLE_US (3 * 1000000ULL)

/* At the beginning of main(), before there are threads: two arenas for all of them. */
void memory_setup(void);

/* Gives back what was freed MEMORY_IDLE_US after the last memory_used(), and once after the start, then with the pages of
 * programs and libraries: those in use are mapped again from the page cache.  The loop's thread. */
int memory_watch(sd_event *event, sd_event_source **ret, Error *err) FAILS;
/* Some work has ended.  @source NULL: not watched.  The loop's thread. */
void memory_used(sd_event_source *source);
