/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_STORAGE_BATCH_POOL_H
#define ENGINE_STORAGE_BATCH_POOL_H

#include <rocksdb/c.h>

/* A few empty write batches that keep their memory, for all stores of the
 * process: a batch that grows anew copies its content with each doubling, into
 * pages that the kernel clears first. For the files of this folder only. Any
 * thread. */

/* Batches that are kept, and the content up to which one is. */
#define BATCH_POOL_COUNT    2
#define BATCH_POOL_SIZE_MAX ((size_t)4 << 20)

/* An empty batch; the caller owns it until batch_pool_give(). */
rocksdb_writebatch_t *batch_pool_take(void) __attribute__((warn_unused_result));
void batch_pool_give(rocksdb_writebatch_t *batch);

#endif /* ENGINE_STORAGE_BATCH_POOL_H */
