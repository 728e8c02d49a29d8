/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_STORAGE_BLOCK_CACHE_H
#define ENGINE_STORAGE_BLOCK_CACHE_H

#include <rocksdb/c.h>

/* The one cache of table blocks of this process: for the files of this folder
 * only. It exists as long as somebody holds it. Any thread. */

/* Never NULL; undone by block_cache_give(). */
rocksdb_cache_t *block_cache_take(void) __attribute__((warn_unused_result));
void block_cache_give(void);

#endif /* ENGINE_STORAGE_BLOCK_CACHE_H */
