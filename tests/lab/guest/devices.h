/* devices.h — what the guest sees of drives and network adapters, beyond the disk it starts from
 *
 * Only with devices=1 in the settings: the modules cost a second of every start.  Lines it prints:
 *
 *   DISK name bytes | NODISK name             a disk came, or went
 *   MEDIUM sr0 label | NOMEDIUM sr0           what is in the DVD drive
 *   LINK up | LINK down                       the cable of eth0
 *   STAMPED name | READ name text             after `stamp name text`, `look name`
 *   HEARD text                                after `hail address text` on another machine
 */
#pragma once

/* @say prints one line; it lives as long as the guest. */
void devices_start(void (*say)(void *userdata, const char *line), void *userdata);
/* Obeys `address 192.168.7.1`, `stamp sda text`, `look sda`, `hail 192.168.7.2 text`; ignores other words. */
void devices_obey(const char *word, const char *first, const char *second);
