/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_CACHE_H
#define GATEWAY_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Sessions opened a moment ago, in one piece of memory that processes share.
 * No pointer is kept in it, nothing is allocated behind it, and it takes no
 * lock: whoever calls holds the one that guards it. Values of any size up to
 * CACHE_VALUE_SIZE_MAX lie in chunks of CACHE_CHUNK_SIZE bytes; when chunks or
 * entries run out, the entry that was put first goes first. As all live
 * equally long, that is the one that would end first anyway. Minor entries (a
 * token that is no good) go before all others and never push any of them out,
 * so that whoever sends many cannot empty the cache; they may be an eighth.
 *
 * An entry is found by its key (of the request) and forgotten by its tag (of
 * what it tells about: several entries may bear one). A value that was asked
 * for before its tag was forgotten must not come in afterwards: whoever will
 * put something takes a mark before asking, and cache_put() refuses when the
 * tag was forgotten, or everything was, since that mark. */

#define CACHE_KEY_SIZE       32
#define CACHE_CHUNK_SIZE     128
#define CACHE_VALUE_SIZE_MAX ((size_t)16 << 10)

struct cache;

/* The state of the memory before a question was asked. */
struct cache_mark {
    uint64_t epoch;
    uint64_t forgotten_count;
};

struct cache_entry {
    const unsigned char *key; /* CACHE_KEY_SIZE bytes, evenly distributed */
    uint64_t tag;             /* evenly distributed; 0: can't be forgotten */
    int64_t expires_s;
    const void *value;
    size_t size;
    bool is_minor;
};

/* Makes `size` bytes at `memory` (aligned for uint64_t) an empty cache. NULL:
 * too small for anything. */
struct cache *cache_format(void *memory, size_t size);

/* How many entries there is room for, if each takes four chunks. */
size_t cache_capacity(const struct cache *cache);
size_t cache_count(const struct cache *cache);

void cache_take_mark(const struct cache *cache, struct cache_mark *ret_mark);

/* The times between which an entry that is good now may end. */
struct cache_window {
    int64_t now_s;
    int64_t latest_s; /* ends later: the clock was set back, drop it */
};

/* Copies the value of `key` to `ret_value` (CACHE_VALUE_SIZE_MAX bytes) if it
 * ends within `window`; drops it otherwise. Returns whether there was one. */
bool cache_get(struct cache *cache, const unsigned char *key,
               const struct cache_window *window, void *ret_value,
               size_t *ret_size);

/* Keeps a copy of `entry` in place of what its key had. Returns false, and
 * keeps nothing, when `mark` is too old, the value too large, or `entry` is
 * minor and there is no room for such or something better stands there. */
bool cache_put(struct cache *cache, const struct cache_entry *entry,
               const struct cache_mark *mark);

/* Drops every entry with this tag. */
void cache_forget(struct cache *cache, uint64_t tag);

/* Drops every entry, in constant time. */
void cache_renew(struct cache *cache);

#endif /* GATEWAY_CACHE_H */
