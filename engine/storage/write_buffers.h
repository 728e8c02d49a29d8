/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_STORAGE_WRITE_BUFFERS_H
#define ENGINE_STORAGE_WRITE_BUFFERS_H

#include <stddef.h>

/* What is written and not yet in table files, of all stores of the process.
 * Any thread. */
struct store;

/* An open store is in the list; no call may be running on one that leaves. */
void write_buffers_enter(struct store *store);
void write_buffers_leave(struct store *store);

/* store_write_buffers_resize()'s size, for a store that is opened. */
size_t write_buffers_size(void);

#endif /* ENGINE_STORAGE_WRITE_BUFFERS_H */
