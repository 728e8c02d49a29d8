/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_SEGMENT_QUEUE_H
#define ENGINE_SEGMENT_QUEUE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Slots that wait to be linked into a graph, in order, until their linking is
 * done: the exact tail of a search. Any thread; locks inside, takes no other
 * lock. */
struct queue {
    pthread_mutex_t lock;
    uint32_t *slots; /* done ones hold SLOT_NONE */
    size_t room;
    size_t head;     /* all before it is done */
    size_t next;     /* the first one that nobody works on */
    size_t count;    /* end */
    size_t promised; /* pushes to come */
    uint64_t base;   /* entries that were dropped in front of slots[0] */
    size_t working;
};

/* Threads that may hold an entry at once. */
#define QUEUE_WORKERS_MAX 256

bool queue_init(struct queue *queue) __attribute__((warn_unused_result));
void queue_release(struct queue *queue);

/* Room for `more_count` pushes, which nobody else takes; what an earlier call
 * left over counts no more. False when memory is out. One pusher. */
bool queue_reserve(struct queue *queue, size_t more_count)
    __attribute__((warn_unused_result));
void queue_push(struct queue *queue, uint32_t slot);

/* Takes the next entry to work on, unless `workers_max` do so already. Then
 * either queue_done() or queue_retry() with its ticket. */
bool queue_take(struct queue *queue, size_t workers_max, uint32_t *ret_slot,
                uint64_t *ret_ticket);
void queue_done(struct queue *queue, uint64_t ticket);

/* The entry goes to the end. */
void queue_retry(struct queue *queue, uint64_t ticket);

/* Heap bytes. */
size_t queue_memory(struct queue *queue);

/* Entries that are not done, including those being worked on. */
size_t queue_count(struct queue *queue);

/* Copies up to `room` entries that are not done; returns how many there are:
 * when that is more than `room`, some are missing. */
size_t queue_copy(struct queue *queue, uint32_t *ret_slots, size_t room);

/* Gives memory back when hardly any of it is in use. Not while room that
 * queue_reserve() made is still wanted. */
void queue_cut(struct queue *queue);

/* Drops all entries. Nobody may work on one. */
void queue_clear(struct queue *queue);

#endif /* ENGINE_SEGMENT_QUEUE_H */
