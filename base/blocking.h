/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_BLOCKING_H
#define BASE_BLOCKING_H

/* A thread that is about to wait for a disk says so, and again when it has
 * waited: whoever owns the thread may let another one compute meanwhile. On
 * threads without an owner both do nothing. Never with a lock held that others
 * compute under. */
struct blocking_owner {
    void (*begin)(void *ctx);
    void (*end)(void *ctx);
    void *ctx;
};

/* Of the calling thread; `owner` must outlive it. NULL: none. */
void blocking_set_owner(const struct blocking_owner *owner);

void blocking_begin(void);
void blocking_end(void);

#endif /* BASE_BLOCKING_H */
