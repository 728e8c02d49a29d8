/* SPDX-License-Identifier: Apache-2.0
 * The linking queue: an array with a done prefix that is dropped when it is
 * half of the array. Invariants: head <= next <= count; count + promised <=
 * room; slots before head are done; a ticket minus base is an index in
 * head..next-1. A retry takes a place at the end that no push was promised:
 * where there is none it makes one, from the done prefix or by growing, and at
 * worst waits for whoever works on the head. */
#include "engine/segment/queue.h"

#include "engine/index/slab.h"

#include <assert.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

bool
queue_init(struct queue *queue)
{
    *queue = (struct queue){ 0 };
    return pthread_mutex_init(&queue->lock, NULL) == 0;
}

void
queue_release(struct queue *queue)
{
    pthread_mutex_destroy(&queue->lock);
    free(queue->slots);
    queue->slots = NULL;
}

/* Caller holds the lock, here and below. */
static void
drop_prefix(struct queue *queue)
{
    memmove(queue->slots, queue->slots + queue->head,
            (queue->count - queue->head) * sizeof(queue->slots[0]));
    queue->base += queue->head;
    queue->next -= queue->head;
    queue->count -= queue->head;
    queue->head = 0;
}

static void
drop_done(struct queue *queue)
{
    while (queue->head < queue->next && queue->slots[queue->head] == SLOT_NONE)
        queue->head++;
    if (queue->head >= 1024 && queue->head >= queue->count / 2)
        drop_prefix(queue);
}

static bool
make_room(struct queue *queue, size_t need)
{
    size_t room = need + need / 2;
    uint32_t *slots = realloc(queue->slots, room * sizeof(*slots));
    if (slots == NULL)
        return false;
    queue->slots = slots;
    queue->room = room;
    return true;
}

/* Whether there is a place at the end, beside those promised. */
static bool
make_place(struct queue *queue)
{
    drop_done(queue);
    size_t taken = queue->count + queue->promised;
    if (taken < queue->room)
        return true;
    if (queue->head < queue->count / 2 && make_room(queue, taken + 1))
        return true;
    if (queue->head > 0)
        drop_prefix(queue);
    return queue->count + queue->promised < queue->room;
}

bool
queue_reserve(struct queue *queue, size_t more_count)
{
    bool is_ok = true;
    pthread_mutex_lock(&queue->lock);
    size_t need = queue->count + more_count + QUEUE_WORKERS_MAX;
    if (need > queue->room)
        is_ok = make_room(queue, need);
    if (is_ok)
        queue->promised = more_count;
    pthread_mutex_unlock(&queue->lock);
    return is_ok;
}

void
queue_push(struct queue *queue, uint32_t slot)
{
    assert(slot != SLOT_NONE);
    pthread_mutex_lock(&queue->lock);
    assert(queue->count < queue->room);
    queue->slots[queue->count++] = slot;
    queue->promised -= queue->promised > 0;
    pthread_mutex_unlock(&queue->lock);
}

bool
queue_take(struct queue *queue, size_t workers_max, uint32_t *ret_slot,
           uint64_t *ret_ticket)
{
    assert(workers_max > 0);
    if (workers_max > QUEUE_WORKERS_MAX)
        workers_max = QUEUE_WORKERS_MAX;
    pthread_mutex_lock(&queue->lock);
    bool is_there = queue->next < queue->count && queue->working < workers_max;
    if (is_there) {
        *ret_slot = queue->slots[queue->next];
        *ret_ticket = queue->base + queue->next;
        queue->next++;
        queue->working++;
    }
    pthread_mutex_unlock(&queue->lock);
    return is_there;
}

static uint32_t
finish(struct queue *queue, uint64_t ticket)
{
    assert(ticket >= queue->base && queue->working > 0);
    size_t index = (size_t)(ticket - queue->base);
    assert(index >= queue->head && index < queue->next);
    uint32_t slot = queue->slots[index];
    assert(slot != SLOT_NONE);
    queue->slots[index] = SLOT_NONE;
    queue->working--;
    return slot;
}

void
queue_done(struct queue *queue, uint64_t ticket)
{
    pthread_mutex_lock(&queue->lock);
    finish(queue, ticket);
    drop_done(queue);
    pthread_mutex_unlock(&queue->lock);
}

void
queue_retry(struct queue *queue, uint64_t ticket)
{
    pthread_mutex_lock(&queue->lock);
    /* The entry stays listed meanwhile: searches rely on it. The one at the
     * head makes place by itself. */
    while (!make_place(queue) && ticket - queue->base != queue->head) {
        pthread_mutex_unlock(&queue->lock);
        sched_yield();
        pthread_mutex_lock(&queue->lock);
    }
    uint32_t slot = finish(queue, ticket);
    bool has_place = make_place(queue);
    assert(has_place);
    queue->slots[queue->count++] = slot;
    pthread_mutex_unlock(&queue->lock);
}

size_t
queue_count(struct queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    size_t count = queue->count - queue->head;
    pthread_mutex_unlock(&queue->lock);
    return count;
}

size_t
queue_memory(struct queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    size_t size = queue->room * sizeof(queue->slots[0]);
    pthread_mutex_unlock(&queue->lock);
    return size;
}

size_t
queue_copy(struct queue *queue, uint32_t *ret_slots, size_t room)
{
    size_t count = 0;
    pthread_mutex_lock(&queue->lock);
    for (size_t i = queue->head; i < queue->count; i++) {
        if (queue->slots[i] == SLOT_NONE)
            continue;
        if (count < room)
            ret_slots[count] = queue->slots[i];
        count++;
    }
    pthread_mutex_unlock(&queue->lock);
    return count;
}

void
queue_cut(struct queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    size_t need =
        queue->count - queue->head + queue->promised + QUEUE_WORKERS_MAX;
    if (queue->room / 4 > need) {
        drop_prefix(queue);
        /* Without memory it stays as it is. */
        bool is_smaller = make_room(queue, need);
        (void)is_smaller;
    }
    pthread_mutex_unlock(&queue->lock);
}

void
queue_clear(struct queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    assert(queue->working == 0);
    queue->base += queue->count;
    queue->head = queue->next = queue->count = 0;
    pthread_mutex_unlock(&queue->lock);
}
