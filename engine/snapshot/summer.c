/* SPDX-License-Identifier: Apache-2.0
 * A ring of blocks between two threads. passed - summed blocks are in the hands
 * of the thread that sums, never more than there are; the one that is filled is
 * passed % SUMMER_BLOCKS_COUNT. */
#include "engine/snapshot/summer.h"

#include "engine/snapshot/digest.h"
#include "engine/snapshot/file.h"

#include <assert.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

struct summer {
    XXH3_state_t *state;
    struct digest *digest; /* NULL: nobody asks */
    char *blocks[SUMMER_BLOCKS_COUNT];
    size_t sizes[SUMMER_BLOCKS_COUNT];
    int files[SUMMER_BLOCKS_COUNT]; /* -1: not written */
    pthread_t thread;
    bool has_thread;
    pthread_mutex_t lock; /* a leaf, of what follows */
    pthread_cond_t changed;
    uint64_t passed, summed; /* blocks */
    bool is_over;
    enum engine_code code; /* of the first write that failed */
    struct error error;    /* not changed after it */
};

/* Returns the code of the first write that failed; only the thread that sums
 * changes it, others read it by the lock. */
static enum engine_code
sum_up(struct summer *summer, uint64_t number)
{
    enum engine_code code = summer->code;
    const char *block = summer->blocks[number % SUMMER_BLOCKS_COUNT];
    size_t size = summer->sizes[number % SUMMER_BLOCKS_COUNT];
    int fd = summer->files[number % SUMMER_BLOCKS_COUNT];
    if (fd >= 0 && code == ENGINE_OK)
        code = file_write(fd, block, size, "a file of the snapshot",
                          &summer->error);
    XXH3_128bits_update(summer->state, block, size);
    if (summer->digest != NULL)
        digest_add(summer->digest, block, size);
    return code;
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
        enum engine_code code = sum_up(summer, number);
        pthread_mutex_lock(&summer->lock);
        summer->code = code;
        summer->summed++;
        pthread_cond_broadcast(&summer->changed);
    }
    pthread_mutex_unlock(&summer->lock);
    return NULL;
}

struct summer *
summer_new(bool has_digest)
{
    struct summer *summer = calloc(1, sizeof(*summer));
    if (summer == NULL)
        return NULL;
    pthread_mutex_init(&summer->lock, NULL);
    pthread_cond_init(&summer->changed, NULL);
    summer->state = XXH3_createState();
    bool is_ok = summer->state != NULL;
    if (has_digest) {
        summer->digest = digest_new();
        is_ok = is_ok && summer->digest != NULL;
    }
    for (size_t i = 0; i < SUMMER_BLOCKS_COUNT; i++) {
        summer->blocks[i] = malloc(SUMMER_BLOCK_SIZE);
        is_ok = is_ok && summer->blocks[i] != NULL;
    }
    if (!is_ok) {
        summer_free(summer);
        return NULL;
    }
    XXH3_128bits_reset(summer->state);
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
    summer_pass_to(summer, size, -1);
}

void
summer_pass_to(struct summer *summer, size_t size, int fd)
{
    assert(size <= SUMMER_BLOCK_SIZE);
    summer->files[summer->passed % SUMMER_BLOCKS_COUNT] = fd;
    summer->sizes[summer->passed % SUMMER_BLOCKS_COUNT] = size;
    if (!summer->has_thread) {
        summer->code = sum_up(summer, summer->passed);
        summer->summed = ++summer->passed;
        return;
    }
    pthread_mutex_lock(&summer->lock);
    summer->passed++;
    pthread_cond_broadcast(&summer->changed);
    pthread_mutex_unlock(&summer->lock);
}

enum engine_code
summer_check(struct summer *summer, struct error *reterr)
{
    pthread_mutex_lock(&summer->lock);
    enum engine_code code = summer->code;
    pthread_mutex_unlock(&summer->lock);
    return code == ENGINE_OK
               ? ENGINE_OK
               : error_set(reterr, code, "%s", summer->error.text);
}

enum engine_code
summer_wait(struct summer *summer, struct error *reterr)
{
    wait_for(summer, 0);
    return summer_check(summer, reterr);
}

XXH128_hash_t
summer_sum(struct summer *summer)
{
    wait_for(summer, 0);
    return XXH3_128bits_digest(summer->state);
}

void
summer_text(struct summer *summer, char *ret_text)
{
    assert(summer->digest != NULL);
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
    XXH3_freeState(summer->state);
    digest_free(summer->digest);
    for (size_t i = 0; i < SUMMER_BLOCKS_COUNT; i++)
        free(summer->blocks[i]);
    pthread_cond_destroy(&summer->changed);
    pthread_mutex_destroy(&summer->lock);
    free(summer);
}
