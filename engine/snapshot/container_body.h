/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_SNAPSHOT_CONTAINER_BODY_H
#define ENGINE_SNAPSHOT_CONTAINER_BODY_H

#include "engine/snapshot/container.h"

#include <xxhash.h>

/* The fixed parts of the file, all little endian, each with its own sum. */

#define CONTAINER_MAGIC "AZSNAP\r\n"

struct container_head {
    char magic[8];
    uint32_t format;
    uint32_t kind;
    uint64_t sum; /* XXH3, 64 bits, of what stands before */
};
_Static_assert(sizeof(struct container_head) == 24, "on disk");

#define CONTAINER_FILE 0x454c4946u /* "FILE" */
#define CONTAINER_END  0x2e444e45u /* "END." */

/* Before each file: name (name_size bytes) and data (size bytes) follow, then
 * the data's container_sum. At the end: size counts the files, and the sum of
 * all bytes before this record follows, without the files' data. In format 1 it
 * was with them. */
struct container_record {
    uint32_t type;
    uint32_t name_size;
    uint64_t size;
    uint64_t sum; /* XXH3 of what stands before, and of the name */
};
_Static_assert(sizeof(struct container_record) == 24, "on disk");

_Static_assert(sizeof(struct container_sum) == 16, "on disk");

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "records as they are");

static inline uint64_t
container_record_sum(const struct container_record *record, const char *name)
{
    uint64_t own = XXH3_64bits(record, offsetof(struct container_record, sum));
    return XXH3_64bits_withSeed(name, record->name_size, own);
}

static inline struct container_sum
container_sum_of(XXH128_hash_t hash)
{
    return (struct container_sum){ hash.low64, hash.high64 };
}

/* ENGINE_EINPUT: says what, and near which byte. */
enum engine_code container_damaged(const struct container_source *source,
                                   const char *what, uint64_t at,
                                   struct error *reterr);

#endif /* ENGINE_SNAPSHOT_CONTAINER_BODY_H */
