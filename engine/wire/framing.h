/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_WIRE_FRAMING_H
#define ENGINE_WIRE_FRAMING_H

#include <microhttpd.h>
#include <stdbool.h>

/* Whether everybody on the way reads the same end of a request out of its
 * headers. Where one reader takes the first of two lengths and another the
 * second, or one of them misses a name, a request can hide in another's body
 * (RFC 9112 sections 5.1, 6.1, 6.3 and 11.2). The daemon itself takes the first
 * of several and reads for ever with a coding that it does not know.
 *   version  as the daemon gives it: "HTTP/1.1" */
bool framing_is_clear(struct MHD_Connection *mhd, const char *version);

#endif /* ENGINE_WIRE_FRAMING_H */
