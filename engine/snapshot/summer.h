/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_SNAPSHOT_SUMMER_H
#define ENGINE_SNAPSHOT_SUMMER_H

#include "engine/error.h"

#include <stdbool.h>
#include <stddef.h>

#include <xxhash.h>

/* Sums of a stream of bytes, made on a thread beside the one that reads them:
 * XXH3 of 128 bits, and SHA-256 where somebody will ask for it. It writes them,
 * too, where that is asked for. Bytes come in blocks of its own, so that nothing
 * is copied for it. All calls of one summer are made by one thread. */

#define SUMMER_BLOCK_SIZE   ((size_t)512 << 10)
#define SUMMER_BLOCKS_COUNT 4u /* one is filled while others are summed up */

struct summer;

/* NULL: no memory. Without a thread (none could be made) the caller's own sums
 * up. */
struct summer *summer_new(bool has_digest) __attribute__((warn_unused_result));

/* SUMMER_BLOCK_SIZE bytes to be filled, until summer_pass(); waits for one that
 * is free. */
char *summer_block(struct summer *summer);

/* What failed so far, without waiting; errors as of summer_wait(). */
enum engine_code summer_check(struct summer *summer, struct error *reterr)
    __attribute__((warn_unused_result));

/* The first `size` bytes of the block are the next of the stream. They may be
 * read, not changed, until summer_block() has been called again. */
void summer_pass(struct summer *summer, size_t size);

/* The same, and writes them to the end of `fd` (the caller's until
 * summer_wait()). */
void summer_pass_to(struct summer *summer, size_t size, int fd);

/* Waits until what was passed is summed up and written. ENGINE_ENOSPACE,
 * ENGINE_EINTERNAL  something could not be written; the same ever after. */
enum engine_code summer_wait(struct summer *summer, struct error *reterr)
    __attribute__((warn_unused_result));

/* Of all that was passed so far. */
XXH128_hash_t summer_sum(struct summer *summer);

/* The same as SHA-256 (DIGEST_TEXT_SIZE); nothing is passed after. */
void summer_text(struct summer *summer, char *ret_text);

/* NULL is allowed. */
void summer_free(struct summer *summer);

#endif /* ENGINE_SNAPSHOT_SUMMER_H */
