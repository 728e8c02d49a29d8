/* SPDX-License-Identifier: Apache-2.0
 * Reads what the other threads read, too, most of it while the system still has
 * it in memory. */
#include "engine/snapshot/sweep.h"

#include "engine/snapshot/container_body.h"
#include "engine/snapshot/digest.h"
#include "engine/snapshot/file.h"

#include <pthread.h>
#include <stdlib.h>

struct sweep {
    const struct container_source *source;
    uint64_t sum_size;
    XXH3_state_t *state;
    struct digest *digest; /* NULL: nobody asks */
    char *block;
    pthread_t thread;
    bool has_thread;
    atomic_bool is_dropped;
    /* What came of it, once the thread has ended. */
    enum engine_code code;
    struct error error;
};

static void
sweep_run(struct sweep *sweep)
{
    const struct container_source *source = sweep->source;
    uint64_t end = sweep->digest != NULL ? source->size : sweep->sum_size;
    for (uint64_t at = 0; sweep->code == ENGINE_OK && at < end;) {
        /* The two sums end at different places. */
        uint64_t until = at < sweep->sum_size ? sweep->sum_size : end;
        size_t size = until - at < FILE_BLOCK_SIZE ? (size_t)(until - at)
                                                   : FILE_BLOCK_SIZE;
        sweep->code = file_may_go_on(source->stop, &sweep->error);
        if (sweep->code == ENGINE_OK)
            sweep->code = file_may_go_on(&sweep->is_dropped, &sweep->error);
        if (sweep->code == ENGINE_OK)
            sweep->code = file_read(source->fd, source->begin + at,
                                    sweep->block, size, &sweep->error);
        if (sweep->code == ENGINE_OK && at < sweep->sum_size)
            XXH3_128bits_update(sweep->state, sweep->block, size);
        if (sweep->code == ENGINE_OK && sweep->digest != NULL)
            digest_add(sweep->digest, sweep->block, size);
        at += size;
    }
}

static void *
sweep_main(void *ctx)
{
    sweep_run(ctx);
    return NULL;
}

struct sweep *
sweep_new(const struct container_source *source, uint64_t sum_size)
{
    struct sweep *sweep = calloc(1, sizeof(*sweep));
    if (sweep == NULL)
        return NULL;
    sweep->source = source;
    sweep->sum_size = sum_size;
    sweep->state = XXH3_createState();
    sweep->block = malloc(FILE_BLOCK_SIZE);
    sweep->digest = source->has_digest ? digest_new() : NULL;
    if (sweep->state == NULL || sweep->block == NULL ||
        (source->has_digest && sweep->digest == NULL)) {
        sweep_free(sweep);
        return NULL;
    }
    XXH3_128bits_reset(sweep->state);
    sweep->has_thread =
        pthread_create(&sweep->thread, NULL, sweep_main, sweep) == 0;
    if (!sweep->has_thread)
        sweep_run(sweep);
    return sweep;
}

static void
join(struct sweep *sweep)
{
    if (sweep->has_thread)
        pthread_join(sweep->thread, NULL);
    sweep->has_thread = false;
}

enum engine_code
sweep_wait(struct sweep *sweep, struct container_sum *ret_sum, char *ret_digest,
           struct error *reterr)
{
    join(sweep);
    if (sweep->code != ENGINE_OK)
        return error_set(reterr, sweep->code, "%s", sweep->error.text);
    *ret_sum = container_sum_of(XXH3_128bits_digest(sweep->state));
    if (sweep->digest != NULL)
        digest_text(sweep->digest, ret_digest);
    return ENGINE_OK;
}

void
sweep_free(struct sweep *sweep)
{
    if (sweep == NULL)
        return;
    atomic_store(&sweep->is_dropped, true);
    join(sweep);
    XXH3_freeState(sweep->state);
    digest_free(sweep->digest);
    free(sweep->block);
    free(sweep);
}
