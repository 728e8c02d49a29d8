/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_WIRE_TLS_H
#define ENGINE_WIRE_TLS_H

#include "engine/wire/loop.h"

#include <openssl/ssl.h>

/* TLS for both ports (OpenSSL; 1.2 and 1.3, ciphers with forward secrecy and
 * authentication only). A connection is a link: the accepted socket outside, a
 * pair of sockets inside, whose other end is served as if a client had
 * connected to it. So HTTP/1.1 and HTTP/2 know nothing of it. A link keeps what
 * one side does not take, at most a buffer each way, and then reads no more
 * from the other. */

/* ---- tls.c: certificate and key ---- */

/* Reads the files of `options`, which must outlive it.
 * ENGINE_EINPUT  names key of the configuration, file and cause. */
enum engine_code tls_open(const struct wire_tls *options, struct tls **ret_tls,
                          struct error *reterr)
    __attribute__((warn_unused_result));
/* After its executor. */
void tls_close(struct tls *tls);

/* A session for a new connection, with what the files said last; NULL when
 * memory is out. Any thread. */
SSL *tls_session(struct tls *tls, bool is_http2);

/* Lets `executor` look whether the files have changed, or tls.cert_ttl has
 * passed, and read them, unless it is still at it: no loop waits for a disk.
 * Connections that are open stay as they are. New files that do not fit are
 * named in the log, and the old ones stay. One thread. */
void tls_look(struct tls *tls, struct executor *executor, uint64_t now_ms);

/* The next tls_look() reads in any case. Async-signal-safe. */
void tls_reload(struct tls *tls);

/* ---- tls_link.c: connections; on the loop's thread ---- */

/* Puts a link before an accepted socket: `incoming` has its inner end after
 * it. False: it could not; the socket is as it was. */
bool tls_add(struct loop *loop, struct incoming *incoming);

/* Ends handshakes and ends that take too long. */
void tls_sweep(struct loop *loop, uint64_t now_ms);

void tls_close_all(struct loop *loop);

#endif /* ENGINE_WIRE_TLS_H */
