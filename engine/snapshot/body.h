/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_SNAPSHOT_BODY_H
#define ENGINE_SNAPSHOT_BODY_H

#include "engine/snapshot/container.h"
#include "engine/snapshot/digest.h"
#include "engine/snapshot/snapshot.h"

#include <pthread.h>
#include <stdatomic.h>

/* The inside of snapshots: for the files of this folder. `lock` is a leaf. */

#define SNAPSHOT_PATH_SIZE_MAX 4096
#define SNAPSHOT_ENDING        ".snapshot"

struct snapshots {
    struct snapshots_options options;
    char *folder; /* absolute, without links */
    atomic_bool stop;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t changed;
    unsigned jobs_count;
    uint64_t next_number; /* of files in .tmp */
};

/* One piece of work with everything that it needs. */
struct snapshot_job {
    struct snapshots *snapshots;
    struct arena arena;
    enum engine_code (*run)(struct snapshot_job *job, struct error *reterr);
    struct snapshot_place place;
    struct snapshot_recovery recovery;
    /* What came of it. */
    struct snapshot_info info;
    int file; /* of a stream, or -1 */
    uint64_t size;
    enum engine_code code;
    struct error error;
    bool is_awaited;
    bool
        keeps_place; /* for a second run that follows the one that is awaited */
    bool has_place;
    bool is_done; /* by the lock */
};

/* ---- jobs.c ---- */

/* An empty job; NULL: no memory. */
struct snapshot_job *snapshot_job_new(struct snapshots *snapshots)
    __attribute__((warn_unused_result));
void snapshot_job_free(struct snapshot_job *job);

/* A copy in the job's arena, with a NUL; `data` NULL: no memory. */
struct span snapshot_job_copy(struct snapshot_job *job, struct span text);

/* Runs it on a thread of its own. With `wait` the caller frees it after, or
 * starts it once more, which needs no other place if it keeps its own; else it
 * frees itself, also when it could not be begun. */
enum engine_code snapshot_job_start(struct snapshot_job *job, bool wait,
                                    struct error *reterr)
    __attribute__((warn_unused_result));

/* ---- catalog.c ---- */

/* FOLDER/COLLECTION, and so on. The caller releases `path` in any case. */
enum engine_code catalog_folder(const struct snapshots *snapshots,
                                const struct snapshot_place *place,
                                struct bytes *path, struct error *reterr)
    __attribute__((warn_unused_result));

/* Makes that folder. */
enum engine_code catalog_make_folder(const struct snapshots *snapshots,
                                     const struct snapshot_place *place,
                                     struct error *reterr)
    __attribute__((warn_unused_result));

/* ENGINE_ENOTFOUND  no file may have that name. */
enum engine_code catalog_path(const struct snapshots *snapshots,
                              const struct snapshot_place *place,
                              struct span name, struct bytes *path,
                              struct error *reterr)
    __attribute__((warn_unused_result));

/* The name of one that is made at `now_s`, [SNAPSHOT_NAME_SIZE_MAX + 1]. */
void catalog_name(const struct snapshots *snapshots,
                  const struct snapshot_place *place, int64_t now_s,
                  char *ret_name);

/* FOLDER/.tmp, emptied. */
enum engine_code catalog_clear(const struct snapshots *snapshots,
                               struct error *reterr)
    __attribute__((warn_unused_result));

/* A new file in .tmp; the caller releases `path` and closes. */
enum engine_code catalog_make_file(struct snapshots *snapshots,
                                   struct bytes *path, int *ret_file,
                                   struct error *reterr)
    __attribute__((warn_unused_result));

/* ---- the jobs' run functions ---- */

enum engine_code snapshot_create_run(struct snapshot_job *job,
                                     struct error *reterr);
enum engine_code snapshot_stream_run(struct snapshot_job *job,
                                     struct error *reterr);
enum engine_code snapshot_recover_run(struct snapshot_job *job,
                                      struct error *reterr);
enum engine_code snapshot_part_run(struct snapshot_job *job,
                                   struct error *reterr);

#endif /* ENGINE_SNAPSHOT_BODY_H */
