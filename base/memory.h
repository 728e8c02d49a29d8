/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

/* How much memory the process holds and may hold. Who is about to take memory
 * for data that come in asks memory_may_grow() before, for copies of them while
 * they are worked on memory_may_work(), so that a refusal comes from us, with a
 * text, and not from the kernel, with a kill. What gives memory back (deletes)
 * and reads do not ask. What counts is the resident memory.
 * Any thread; the state is the process's. */

struct memory_use {
    uint64_t resident_size;  /* VmRSS */
    uint64_t anonymous_size; /* of it not backed by files */
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

/* What the machine or the control group (version 1 or 2, with the groups around
 * it) allows; 0 when neither says. `root` stands before /proc and /sys: "" but
 * in tests. */
uint64_t memory_total(const char *root);

/* The same less a reserve of a tenth (64 MiB to 2 GiB) for what nobody asks
 * for. */
uint64_t memory_limit_default(const char *root);

/* Whether `more_size` bytes of data may be added, to stay. Below the limit a
 * part is left to memory_may_work(): a sixth, 64 MiB at most. True: they
 * count as used until they can be seen. False: *ret_used holds what is in use,
 * after relief and allocator gave back what they could. Cheap: looks at most
 * every 10 ms, but always before a refusal. */
bool memory_may_grow(uint64_t more_size, uint64_t *ret_used)
    __attribute__((warn_unused_result));

/* Makes the allocator return what it keeps for later, after much was freed. */
void memory_give_back(void);

/* The same for memory that is needed only until a request is done: up to the
 * limit itself, so that updates in place go on where growth has ended. */
bool memory_may_work(uint64_t more_size, uint64_t *ret_used)
    __attribute__((warn_unused_result));

/* The same without relief (below): for who holds a lock that relief may want.
 */
bool memory_has_room(uint64_t more_size, uint64_t *ret_used)
    __attribute__((warn_unused_result));

/* Called before a refusal, on the thread that asks, with whatever locks it
 * holds. `let_go`: pages of files leave the memory, and come back when they
 * are read, so that it says nothing; tried first, and again after each of the
 * others. `write_out`: gives back what can be had elsewhere (on the disk) and
 * says whether that was anything; while it is and there is no room it is called
 * again. NULL: nobody. Set before others ask. */
void memory_relief_set(void (*let_go)(void), bool (*write_out)(void));

/* Says that big memory was freed: near the limit the allocator gives it back to
 * the system at once. Cheap, as memory_may_grow(). */
void memory_settle(void);

/* How often memory_may_grow() refused. */
uint64_t memory_refused_count(void);

#endif /* BASE_MEMORY_H */
