/* SPDX-License-Identifier: Apache-2.0
 * Jobs, each on a thread of its own that is nicer than those of requests. */
#include "engine/snapshot/body.h"

#include "base/blocking.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* Room for the names of all collections that one snapshot may hold. */
#define JOB_ARENA_SIZE ((size_t)32 << 20)
#define JOB_NICE       10

struct snapshot_job *
snapshot_job_new(struct snapshots *snapshots)
{
    struct snapshot_job *job = calloc(1, sizeof(*job));
    if (job == NULL)
        return NULL;
    job->snapshots = snapshots;
    job->file = -1;
    job->recovery.file = -1;
    arena_init(&job->arena, JOB_ARENA_SIZE);
    return job;
}

/* Gives its place to others. */
static void
leave(struct snapshot_job *job)
{
    struct snapshots *snapshots = job->snapshots;
    assert(job->has_place);
    pthread_mutex_lock(&snapshots->lock);
    job->has_place = false;
    snapshots->jobs_count--;
    pthread_cond_broadcast(&snapshots->changed);
    pthread_mutex_unlock(&snapshots->lock);
}

void
snapshot_job_free(struct snapshot_job *job)
{
    if (job == NULL)
        return;
    if (job->file >= 0)
        close(job->file);
    if (job->recovery.file >= 0)
        close(job->recovery.file);
    if (job->has_place)
        leave(job);
    arena_release(&job->arena);
    free(job);
}

struct span
snapshot_job_copy(struct snapshot_job *job, struct span text)
{
    return (struct span){ arena_strndup(&job->arena,
                                        text.data == NULL ? "" : text.data,
                                        text.size),
                          text.size };
}

static void
report(const struct snapshot_job *job)
{
    const struct snapshots_options *options = &job->snapshots->options;
    const char *name =
        job->place.collection.data == NULL ? "" : job->place.collection.data;
    if (options->report == NULL)
        return;
    options->report(options->report_ctx, name,
                    job->code == ENGINE_OK ? "a snapshot's job has ended well"
                                           : job->error.text);
}

static void *
job_main(void *ctx)
{
    struct snapshot_job *job = ctx;
    struct snapshots *snapshots = job->snapshots;
    (void)setpriority(PRIO_PROCESS, 0, JOB_NICE); /* of this thread */
    job->code = job->run(job, &job->error);
    bool keeps_place = job->is_awaited && job->keeps_place;
    job->has_place = keeps_place;
    if (!job->is_awaited) {
        report(job);
        snapshot_job_free(job);
        job = NULL;
    }
    pthread_mutex_lock(&snapshots->lock);
    if (job != NULL)
        job->is_done = true;
    if (!keeps_place)
        snapshots->jobs_count--;
    pthread_cond_broadcast(&snapshots->changed);
    pthread_mutex_unlock(&snapshots->lock);
    return NULL;
}

/* Counts one more, unless it has its place. */
static enum engine_code
enter(struct snapshot_job *job, struct error *reterr)
{
    struct snapshots *snapshots = job->snapshots;
    enum engine_code code = ENGINE_OK;
    pthread_mutex_lock(&snapshots->lock);
    if (atomic_load(&snapshots->stop))
        code = error_set(reterr, ENGINE_EUNAVAILABLE, "the server is stopping");
    else if (!job->has_place && snapshots->jobs_count >= SNAPSHOT_JOBS_MAX)
        code = error_set(reterr, ENGINE_EUNAVAILABLE,
                         "%u snapshots are being made or restored, no more at "
                         "a time",
                         SNAPSHOT_JOBS_MAX);
    else if (!job->has_place)
        snapshots->jobs_count++;
    job->has_place = job->has_place || code == ENGINE_OK;
    pthread_mutex_unlock(&snapshots->lock);
    return code;
}

static void
await(struct snapshot_job *job)
{
    struct snapshots *snapshots = job->snapshots;
    blocking_begin();
    pthread_mutex_lock(&snapshots->lock);
    while (!job->is_done)
        pthread_cond_wait(&snapshots->changed, &snapshots->lock);
    pthread_mutex_unlock(&snapshots->lock);
    blocking_end();
}

enum engine_code
snapshot_job_start(struct snapshot_job *job, bool wait, struct error *reterr)
{
    pthread_t thread;
    pthread_attr_t attr;
    job->is_awaited = wait;
    job->is_done = false;
    enum engine_code code = enter(job, reterr);
    if (code == ENGINE_OK) {
        pthread_attr_init(&attr);
        pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
        if (pthread_create(&thread, &attr, job_main, job) != 0) {
            leave(job);
            code = error_memory(reterr);
        }
        pthread_attr_destroy(&attr);
    }
    if (code != ENGINE_OK) {
        if (!wait)
            snapshot_job_free(job);
        return code;
    }
    if (!wait)
        return ENGINE_OK;
    await(job);
    return job->code == ENGINE_OK
               ? ENGINE_OK
               : error_set(reterr, job->code, "%s", job->error.text);
}
