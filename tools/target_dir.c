/* SPDX-License-Identifier: Apache-2.0
 * A folder as target. An object grows as KEY.part, is synced, and gets its
 * name by a rename. */
#include "tools/target.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_SIZE (TARGET_KEY_SIZE + 512)

struct target_dir {
    struct target target;
    char root[480];
};

/* Whether a part of the key would lead elsewhere. */
static bool
has_dots(const char *key)
{
    for (const char *part = key;; part = strchr(part, '/') + 1) {
        size_t size = strcspn(part, "/");
        if ((size == 1 && part[0] == '.') ||
            (size == 2 && part[0] == '.' && part[1] == '.'))
            return true;
        if (part[size] == '\0')
            return false;
    }
}

static bool
path_of(const struct target_dir *dir, const char *key, const char *suffix,
        char ret_path[PATH_SIZE], struct fault *reterr)
{
    if (has_dots(key))
        return fault_set(reterr, "%.100s cannot be a file's name", key);
    int size = snprintf(ret_path, PATH_SIZE, "%s/%s%s", dir->root, key, suffix);
    if (size < 0 || size >= PATH_SIZE)
        return fault_set(reterr, "the path of %.100s is too long", key);
    return true;
}

/* Makes the folders above `path`. */
static bool
make_parents(char *path, struct fault *reterr)
{
    for (char *at = strchr(path + 1, '/'); at != NULL;
         at = strchr(at + 1, '/')) {
        *at = '\0';
        int status = mkdir(path, 0700);
        int reason = errno;
        *at = '/';
        if (status != 0 && reason != EEXIST)
            return fault_set(reterr, "cannot make the folder of %s: %s", path,
                             strerror(reason));
    }
    return true;
}

static bool
on_begin(struct target *target, struct target_upload *upload,
         struct fault *reterr)
{
    char path[PATH_SIZE];
    if (!path_of((struct target_dir *)target, upload->key, ".part", path,
                 reterr) ||
        !make_parents(path, reterr))
        return false;
    upload->file = fopen(path, "we");
    return upload->file != NULL ||
           fault_set(reterr, "cannot write %s: %s", path, strerror(errno));
}

static bool
on_part(struct target *target, struct target_upload *upload, unsigned number,
        struct span data, char ret_etag[TARGET_ETAG_SIZE], struct fault *reterr)
{
    (void)target;
    (void)number;
    ret_etag[0] = '\0';
    if (fwrite(data.data, 1, data.size, upload->file) != data.size)
        return fault_set(reterr, "cannot write %s: %s", upload->key,
                         strerror(errno));
    return true;
}

/* KEY.part becomes KEY. */
static bool
appear(const struct target_dir *dir, const char *key, struct fault *reterr)
{
    char path[PATH_SIZE], part[PATH_SIZE];
    if (!path_of(dir, key, "", path, reterr) ||
        !path_of(dir, key, ".part", part, reterr))
        return false;
    return rename(part, path) == 0 ||
           fault_set(reterr, "cannot finish %s: %s", path, strerror(errno));
}

static bool
on_finish(struct target *target, struct target_upload *upload,
          char (*etags)[TARGET_ETAG_SIZE], unsigned count, struct fault *reterr)
{
    (void)etags;
    (void)count;
    FILE *file = upload->file;
    upload->file = NULL;
    bool is_done = fflush(file) == 0 && fsync(fileno(file)) == 0;
    int reason = errno;
    if (fclose(file) != 0 && is_done) {
        reason = errno;
        is_done = false;
    }
    if (!is_done)
        return fault_set(reterr, "cannot write %s: %s", upload->key,
                         strerror(reason));
    return appear((struct target_dir *)target, upload->key, reterr);
}

static bool
on_abandon(struct target *target, struct target_upload *upload,
           struct fault *reterr)
{
    char path[PATH_SIZE];
    if (upload->file != NULL)
        fclose(upload->file);
    upload->file = NULL;
    if (!path_of((struct target_dir *)target, upload->key, ".part", path,
                 reterr))
        return false;
    if (unlink(path) != 0 && errno != ENOENT)
        return fault_set(reterr, "cannot delete %s: %s", path, strerror(errno));
    return true;
}

static bool
on_put(struct target *target, const char *key, struct span text,
       struct fault *reterr)
{
    struct target_upload upload = { .file = NULL };
    char etag[TARGET_ETAG_SIZE];
    snprintf(upload.key, sizeof(upload.key), "%s", key);
    if (!on_begin(target, &upload, reterr))
        return false;
    if (!on_part(target, &upload, 1, text, etag, reterr)) {
        fclose(upload.file);
        return false;
    }
    return on_finish(target, &upload, NULL, 0, reterr);
}

static bool
read_all(FILE *file, struct http_reply *reply)
{
    char part[4096];
    size_t size;
    while ((size = fread(part, 1, sizeof(part), file)) > 0) {
        struct span data = { part, size };
        if (reply->sink == NULL)
            bytes_add_span(&reply->body, data);
        else if (!reply->sink(reply->sink_ctx, data))
            return false;
    }
    return !ferror(file) && !bytes_failed(&reply->body);
}

static bool
on_get(struct target *target, const char *key, struct http_reply *reply,
       struct fault *reterr)
{
    char path[PATH_SIZE];
    if (!path_of((struct target_dir *)target, key, "", path, reterr))
        return false;
    FILE *file = fopen(path, "re");
    reply->status = file != NULL ? 200 : errno == ENOENT ? 404 : 500;
    if (file == NULL)
        return fault_set(reterr, "cannot read %s: %s", path, strerror(errno));
    bool is_done = read_all(file, reply);
    fclose(file);
    return is_done || fault_set(reterr, "cannot read %s", path);
}

static bool
on_remove(struct target *target, const char *key, struct fault *reterr)
{
    char path[PATH_SIZE];
    if (!path_of((struct target_dir *)target, key, "", path, reterr))
        return false;
    if (unlink(path) != 0 && errno != ENOENT)
        return fault_set(reterr, "cannot delete %s: %s", path, strerror(errno));
    return true;
}

static void
on_close(struct target *target)
{
    free(target);
}

static const struct target_kind kind = {
    .begin = on_begin,
    .part = on_part,
    .finish = on_finish,
    .abandon = on_abandon,
    .put = on_put,
    .get = on_get,
    .remove = on_remove,
    .close = on_close,
};

struct target *
target_dir_open(const struct target_options *options, struct fault *reterr)
{
    struct target_dir *dir = calloc(1, sizeof(*dir));
    if (dir == NULL) {
        fault_set(reterr, "out of memory");
        return NULL;
    }
    dir->target.kind = &kind;
    int size = snprintf(dir->root, sizeof(dir->root), "%s", options->url);
    if (size <= 0 || (size_t)size >= sizeof(dir->root)) {
        fault_usage(reterr, "the folder's path is empty or too long");
        free(dir);
        return NULL;
    }
    return &dir->target;
}
