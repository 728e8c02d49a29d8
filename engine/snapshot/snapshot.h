/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_SNAPSHOT_SNAPSHOT_H
#define ENGINE_SNAPSHOT_SNAPSHOT_H

#include "base/arena.h"
#include "base/bytes.h"
#include "engine/collection/registry.h"

/* Snapshots: made, listed, deleted, handed out and restored. Making and
 * restoring are jobs on threads of their own, below the priority of requests;
 * whoever waits for one says so to base/blocking.h. Any thread. */
struct snapshots;

/* Jobs at a time; more are refused. */
#define SNAPSHOT_JOBS_MAX      8u
#define SNAPSHOT_NAME_SIZE_MAX 255u
#define SNAPSHOT_LOCATION_MAX  ((size_t)8 << 10)
/* In one folder: more are not listed. */
#define SNAPSHOT_LIST_MAX 10000u

struct snapshots_options {
    struct registry *registry;
    const char *folder;     /* made when missing */
    uint64_t file_size_max; /* of one that is uploaded or downloaded */
    bool may_fetch;         /* from http:// and https:// */
    const char *peer;       /* for names */
    const char *user_agent; /* for downloads */
    /* How jobs that nobody waits for ended; as of the registry. */
    void (*report)(void *ctx, const char *collection, const char *text);
    void *report_ctx;
};

/* Removes what a process before left half done. Texts of `options` must outlive
 * it, and so must the registry. ENGINE_EINTERNAL names the folder. */
enum engine_code snapshots_open(const struct snapshots_options *options,
                                struct snapshots **ret_snapshots,
                                struct error *reterr)
    __attribute__((warn_unused_result));

/* Ends running jobs, which leave everything as it was. NULL is allowed. */
void snapshots_close(struct snapshots *snapshots);

enum snapshot_scope { SNAPSHOT_COLLECTION, SNAPSHOT_SHARD, SNAPSHOT_STORAGE };

/* Whose snapshots; the name is the collection's own, no alias. */
struct snapshot_place {
    enum snapshot_scope scope;
    struct span collection; /* not of SNAPSHOT_STORAGE */
};

/* Texts are in the arena that was given. */
struct snapshot_info {
    const char *name;
    uint64_t size;
    int64_t created_s;    /* since 1970, UTC */
    const char *checksum; /* SHA-256 in hexadecimal digits; NULL: not known */
};

/* wait false: the job has begun when it returns, and *ret_info is not filled.
 * ENGINE_ENOTFOUND no such collection. ENGINE_ENOSPACE the disk is full; nothing
 * is left behind. ENGINE_EUNAVAILABLE SNAPSHOT_JOBS_MAX are at work. */
enum engine_code snapshots_create(struct snapshots *snapshots,
                                  const struct snapshot_place *place, bool wait,
                                  struct arena *arena,
                                  struct snapshot_info *ret_info,
                                  struct error *reterr)
    __attribute__((warn_unused_result));

/* In order of their names. */
enum engine_code
snapshots_list(struct snapshots *snapshots, const struct snapshot_place *place,
               struct arena *arena, const struct snapshot_info **ret_infos,
               size_t *ret_count, struct error *reterr)
    __attribute__((warn_unused_result));

/* ENGINE_ENOTFOUND  there is none of that name. */
enum engine_code snapshots_delete(struct snapshots *snapshots,
                                  const struct snapshot_place *place,
                                  struct span name, struct error *reterr)
    __attribute__((warn_unused_result));

/* Opens one for reading; the caller closes ret_file. ENGINE_ENOTFOUND */
enum engine_code snapshots_open_file(struct snapshots *snapshots,
                                     const struct snapshot_place *place,
                                     struct span name, int *ret_file,
                                     uint64_t *ret_size, struct error *reterr)
    __attribute__((warn_unused_result));

/* Makes one that has no name: for one reader, gone when the file is closed. */
enum engine_code snapshots_stream(struct snapshots *snapshots,
                                  const struct snapshot_place *place,
                                  int *ret_file, uint64_t *ret_size,
                                  struct error *reterr)
    __attribute__((warn_unused_result));

/* A file without a name, on the disk of the snapshots, for an upload. */
enum engine_code snapshots_make_file(struct snapshots *snapshots, int *ret_file,
                                     struct error *reterr)
    __attribute__((warn_unused_result));
uint64_t snapshots_file_size_max(const struct snapshots *snapshots);

/* A multipart/form-data body as it came: on the disk but for its end. */
struct snapshot_upload {
    uint64_t size; /* of what is in the file */
    struct span rest;
    const char *type; /* Content-Type; NULL: none came */
};

struct snapshot_recovery {
    struct snapshot_place place; /* that gets the points */
    struct span location; /* http://, https://, file://, or the name of one */
    struct span checksum; /* SHA-256 that it must have; size 0: any */
    struct span api_key;  /* for the location; size 0: none */
    /* Whether the location may be any: else it is a snapshot of this
     * collection. For who may manage all. */
    bool may_roam;
    int file;             /* an upload in the place of a location; -1 */
    uint64_t begin, size; /* of the part of it that is the snapshot */
    /* The field `snapshot` of it has yet to be found; NULL: it is known. */
    const struct snapshot_upload *upload;
};

/* Verifies all of a snapshot, loads it, and puts it in the place of the
 * collection, or makes that; until then the old points are served, and on
 * failure afterwards, too. Takes `file`. What is wrong with the form of an
 * upload is told in any case, also without `wait`.
 * ENGINE_EINPUT     no such file, damaged, other vectors, a bad location.
 * ENGINE_EFORBIDDEN outside the folder, another collection's without may_roam,
 *                   or downloads are turned off.
 * ENGINE_EREQUEST   the upload is no such form.
 * ENGINE_ECHECKSUM  not the checksum that was asked for.
 * ENGINE_ENOTFOUND  a shard of a collection that there is not.
 * ENGINE_EUNAVAILABLE the location does not answer, or too many jobs.
 * and those of registry_restore_load() and registry_restore_commit(). */
enum engine_code snapshots_recover(struct snapshots *snapshots,
                                   const struct snapshot_recovery *recovery,
                                   bool wait, struct error *reterr)
    __attribute__((warn_unused_result));

/* Before anything is served: all collections and aliases of a whole-storage
 * snapshot at `path`, or one collection from `path` under `name`. Collections
 * that are there are replaced with `force`, else it is ENGINE_EEXIST. */
enum engine_code snapshots_restore_storage(struct snapshots *snapshots,
                                           const char *path, bool force,
                                           struct error *reterr)
    __attribute__((warn_unused_result));

#endif /* ENGINE_SNAPSHOT_SNAPSHOT_H */
