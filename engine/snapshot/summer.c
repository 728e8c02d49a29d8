/* SPDX-License-Identifier: Apache-2.0
 * A ring of blocks between two threads. passed - summed blocks are in the hands
 * of the thread that sums, never more than there are; the one that is filled is
 * passed % SUMMER_BLOCKS_COUNT. */
#include "engine/snapshot/summer.h"

#include "engine/snapshot/digest.h"

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

struct summer {
    struct digest *digest;
    char *blocks[SUMMER_BLOCKS_COUNT];
    size_t sizes[SUMMER_BLOCKS_COUNT];
    pthread_t thread;
    bool has_thread;
    pthread_mutex_t lock; /* a leaf, of what follows */
    pthread_cond_t changed;
    uint64_t passed, summed; /* blocks */
    bool is_over;
};

static void
sum_up(struct summer *summer, uint64_t number)
{
    digest_add(summer->digest, summer->blocks[number % SUMMER_BLOCKS_COUNT],
               summer->sizes[number % SUMMER_BLOCKS_COUNT]);
}

static void *
summer_main(void *ctx)
{
    struct summer *summer = ctx;
    pthread_mutex_lock(&summer->lock);
    for (;;) {
        while (summer->summed == summer->passed && !summer->is_over)
            pthread_cond_wait(&summer->changed, &summer->lock);
        if (summer->summed == summer->passed)
            break;
        uint64_t number = summer->summed;
        pthread_mutex_unlock(&summer->lock);
        sum_up(summer, number);
        pthread_mutex_lock(&summer->lock);
        summer->summed++;
        pthread_cond_broadcast(&summer->changed);
    }
    pthread_mutex_unlock(&summer->lock);
    return NULL;
}

struct summer *
summer_new(void)
{
    struct summer *summer = calloc(1, sizeof(*summer));
    if (summer == NULL)
        return NULL;
    pthread_mutex_init(&summer->lock, NULL);
    pthread_cond_init(&summer->changed, NULL);
    summer->digest = digest_new();
    bool is_ok = summer->digest != NULL;
    for (size_t i = 0; i < SUMMER_BLOCKS_COUNT; i++) {
        summer->blocks[i] = malloc(SUMMER_BLOCK_SIZE);
        is_ok = is_ok && summer->blocks[i] != NULL;
    }
    if (!is_ok) {
        summer_free(summer);
        return NULL;
    }
    summer->has_thread =
        pthread_create(&summer->thread, NULL, summer_main, summer) == 0;
    return summer;
}

/* Until at most `most` blocks are left to sum up. */
static void
wait_for(struct summer *summer, uint64_t most)
{
    pthread_mutex_lock(&summer->lock);
    while (summer->passed - summer->summed > most)
        pthread_cond_wait(&summer->changed, &summer->lock);
    pthread_mutex_unlock(&summer->lock);
}

char *
summer_block(struct summer *summer)
{
    wait_for(summer, SUMMER_BLOCKS_COUNT - 1);
    return summer->blocks[summer->passed % SUMMER_BLOCKS_COUNT];
}

void
summer_pass(struct summer *summer, size_t size)
{
    assert(size <= SUMMER_BLOCK_SIZE);
    summer->sizes[summer->passed % SUMMER_BLOCKS_COUNT] = size;
    if (!summer->has_thread) {
        sum_up(summer, summer->passed);
        summer->summed = ++summer->passed;
        return;
    }
    pthread_mutex_lock(&summer->lock);
    summer->passed++;
    pthread_cond_broadcast(&summer->changed);
    pthread_mutex_unlock(&summer->lock);
}

void
summer_text(struct summer *summer, char *ret_text)
{
    wait_for(summer, 0);
    digest_text(summer->digest, ret_text);
}

void
summer_free(struct summer *summer)
{
    if (summer == NULL)
        return;
    if (summer->has_thread) {
        pthread_mutex_lock(&summer->lock);
        summer->is_over = true;
        pthread_cond_broadcast(&summer->changed);
        pthread_mutex_unlock(&summer->lock);
        pthread_join(summer->thread, NULL);
    }
    digest_free(summer->digest);
    for (size_t i = 0; i < SUMMER_BLOCKS_COUNT; i++)
        free(summer->blocks[i]);
    pthread_cond_destroy(&summer->changed);
    pthread_mutex_destroy(&summer->lock);
    free(summer);
}
