/* srvsvc.h — a file server's own list of who may use a share ([MS-SRVS] 3.1.4.10, 3.1.4.11)
 *
 * The wire: pure encoders and one bounded decoder (NDR, C706 chapter 14).  Level 502 is what holds the list.
 * Windows answers it to administrators and server operators only, so a host may be refused: then only what
 * TREE_CONNECT says about the host itself is known of the share.
 */
#pragma once

#include "smb/share/rpc.h"

enum { SRVSVC_REQUEST_MAX = 2048, SRVSVC_DESCRIPTOR_MAX = 65536 };

extern const RpcInterface srvsvc_interface;     /* \PIPE\srvsvc */

/* NetrShareGetInfo(@server, @share, 502). */
int srvsvc_get_encode(Writer *w, const char *server, const char *share, uint32_t call_id, Error *err) FAILS;
/* Its results → the bytes of the descriptor inside @results; size 0: the share has none, so everybody may.
 * ERROR_DENIED, ERROR_NOT_FOUND (no such share), ERROR_PROTOCOL. */
int srvsvc_get_decode(Span results, Span *ret_descriptor, Error *err) FAILS;

/* NetrShareSetInfo(@server, @share, 1501): replaces the descriptor, and nothing else of the share. */
int srvsvc_set_encode(Writer *w, const char *server, const char *share, Span descriptor, uint32_t call_id,
                      Error *err) FAILS;
int srvsvc_set_decode(Span results, Error *err) FAILS;
