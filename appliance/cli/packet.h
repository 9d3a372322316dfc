/* packet.h — PowerShell's packets over a byte stream: one XML element a line, as its SSH transport speaks them
 *
 *      <Data Stream='Default' PSGuid='…'>base64</Data>   <Command PSGuid='…' />   <Signal …/>   <Close …/>
 *
 * and an …Ack for each, in the other direction.  A PSGuid of zeros is the runspace pool.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "appliance/psrp/psrp.h"

enum { PACKET_LINE_MAX = 1024 * 1024 };  /* bytes; clients send fragments of 32 KiB */

typedef enum PacketKind { PACKET_DATA, PACKET_COMMAND, PACKET_SIGNAL, PACKET_CLOSE, PACKET_KIND_COUNT } PacketKind;

typedef struct Packet {
        PacketKind kind;
        PsrpGuid id;
        bool is_pool;                   /* the id is zero */
        PsrpStream stream;              /* DATA */
        uint8_t *data;                  /* DATA; freed by packet_clear() */
        size_t size;
} Packet;

/* @line without its newline.  ERROR_PROTOCOL, ERROR_LIMIT, ERROR_INTERNAL. */
int packet_read(const char *line, size_t size, Packet *ret, Error *err) FAILS;
void packet_clear(Packet *packet);

/* Whole lines.  Whether they could be written is for the caller to see at the stream. */
void packet_write_data(FILE *to, const PsrpGuid *id, const void *data, size_t size);
void packet_write_ack(FILE *to, PacketKind kind, const PsrpGuid *id);
