/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

/* How much memory the process holds and may hold. Who is about to take memory
 * that grows with the data asks memory_may_grow() before, so that a refusal
 * comes from us, with a text, and not from the kernel, with a kill. What
 * gives memory back (deletes) and reads do not ask.
 * Any thread; the state is the process's. */

struct memory_use {
    uint64_t resident_size;  /* VmRSS */
    uint64_t anonymous_size; /* of it not backed by files: what is limited */
    /* The allocator's; 0 where it does not tell (no jemalloc). */
    uint64_t allocated_size; /* handed out by malloc */
    uint64_t active_size;    /* pages that hold some of it */
    uint64_t mapped_size;    /* its resident pages: active, dirty, its own */
    uint64_t metadata_size;
    uint64_t retained_size; /* address space only */
};

/* Looks now: some system calls. */
struct memory_use memory_look(void);

/* 0: no limit. */
void memory_limit_set(uint64_t size);
uint64_t memory_limit(void);

/* What the machine or the control group allows, less a reserve of a tenth
 * (64 MiB to 2 GiB) for what nobody asks for; 0 when neither says. */
uint64_t memory_limit_default(void);

/* Whether `more_size` bytes of data may be added. True: they count as used
 * until they can be seen. False: *ret_used holds what is in use, after the
 * allocator gave back what it could. Cheap: looks at most every 10 ms, but
 * always before a refusal. */
bool memory_may_grow(uint64_t more_size, uint64_t *ret_used)
    __attribute__((warn_unused_result));

/* How often memory_may_grow() refused. */
uint64_t memory_refused_count(void);

#endif /* BASE_MEMORY_H */
