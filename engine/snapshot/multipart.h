/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_SNAPSHOT_MULTIPART_H
#define ENGINE_SNAPSHOT_MULTIPART_H

#include "base/bytes.h"
#include "engine/error.h"

#include <stdatomic.h>
#include <stdint.h>

/* One part of a multipart/form-data body (RFC 7578, RFC 2046 section 5.1) that
 * lies in a file: nothing is copied. Any thread. */

#define MULTIPART_BOUNDARY_MAX 70u                /* RFC 2046 section 5.1.1 */
#define MULTIPART_HEAD_MAX     ((size_t)64 << 10) /* before the part's data */

/* Finds the data of the field `name` in a body of `size` bytes.
 *   type  the Content-Type header; NULL: none came
 *   stop  ends it (ENGINE_EUNAVAILABLE); NULL: nothing does
 * ENGINE_EREQUEST  it is no such body, or has no such field: says what.
 * ENGINE_EINTERNAL, ENGINE_ENOMEM */
enum engine_code multipart_find(int fd, uint64_t size, const char *type,
                                const char *name, const atomic_bool *stop,
                                uint64_t *ret_begin, uint64_t *ret_size,
                                struct error *reterr)
    __attribute__((warn_unused_result));

#endif /* ENGINE_SNAPSHOT_MULTIPART_H */
