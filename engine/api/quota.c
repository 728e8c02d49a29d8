/* SPDX-License-Identifier: Apache-2.0
 * What the node may fill, looked at a few times a second at most. */
#include "engine/api/quota.h"

#include "base/clock.h"
#include "base/memory.h"
#include "engine/codec/json_read.h"
#include "engine/codec/json_write.h"
#include "engine/log.h"
#include "engine/storage/checkpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define FILE_SIZE_MAX ((size_t)4096)
#define PATH_SIZE_MAX ((size_t)4096)

struct quota {
    const char *folder;
    uint64_t memory_size;  /* what may be used in all; 0: not known */
    atomic_bool is_active; /* some limit counts */
    pthread_mutex_t lock;  /* guards the rest */
    struct quota_limits limits;
    struct quota_use use;
    uint64_t look_ms; /* when it was looked; 0: not since a change */
};

static uint64_t
disk_percent(const char *folder)
{
    struct statvfs disk;
    if (statvfs(folder, &disk) != 0)
        return 0;
    /* As df: what only root may use is no room. */
    uint64_t used = disk.f_blocks - disk.f_bfree;
    uint64_t whole = used + disk.f_bavail;
    return whole == 0 ? 0 : used * 100 / whole;
}

/* Use below which a limit that was reached counts no more. */
static uint64_t
release_of(uint64_t limit, uint64_t margin)
{
    return limit > margin ? limit - margin : 1;
}

bool
quota_is_over(uint64_t percent, uint64_t limit, uint64_t margin, bool was_over)
{
    if (limit == 0)
        return false;
    return percent >= (was_over ? release_of(limit, margin) : limit);
}

static void
log_change(const char *what, bool was_over, bool is_over_now, uint64_t percent)
{
    if (was_over != is_over_now)
        log_event(LOG_LEVEL_WARN,
                  is_over_now ? "quota: %s usage is at %llu%%: updates that "
                                "store are refused"
                              : "quota: %s usage is at %llu%%: updates are "
                                "taken again",
                  what, (unsigned long long)percent);
}

/* The caller holds the lock. */
static void
look(struct quota *quota)
{
    const struct quota_limits *limits = &quota->limits;
    struct quota_use *use = &quota->use;
    struct quota_use was = *use;
    bool counts = limits->is_enabled;
    if (quota->memory_size > 0)
        use->memory_percent =
            memory_look().resident_size * 100 / quota->memory_size;
    use->disk_percent = disk_percent(quota->folder);
    use->is_memory_over =
        counts && quota_is_over(use->memory_percent, limits->memory_percent,
                                limits->margin_percent, was.is_memory_over);
    use->is_disk_over =
        counts && quota_is_over(use->disk_percent, limits->disk_percent,
                                limits->margin_percent, was.is_disk_over);
    quota->look_ms = clock_ms();
    log_change("memory", was.is_memory_over, use->is_memory_over,
               use->memory_percent);
    log_change("disk", was.is_disk_over, use->is_disk_over, use->disk_percent);
}

/* ---- the file ------------------------------------------------------------ */

static bool
percent_read(yyjson_val *object, const char *name, uint64_t least,
             uint64_t *ret_percent)
{
    yyjson_val *value = yyjson_obj_get(object, name);
    if (value == NULL)
        return true;
    *ret_percent = yyjson_get_uint(value);
    return yyjson_is_uint(value) && *ret_percent >= least &&
           *ret_percent <= 100;
}

static bool
limits_read(yyjson_val *object, struct quota_limits *ret_limits)
{
    struct quota_limits limits = { .margin_percent = QUOTA_MARGIN_PERCENT };
    yyjson_val *enabled = yyjson_obj_get(object, "enabled");
    limits.is_enabled = yyjson_is_true(enabled);
    if (!yyjson_is_bool(enabled) ||
        !percent_read(object, "max_resident_memory_percent", 1,
                      &limits.memory_percent) ||
        !percent_read(object, "max_disk_usage_percent", 1,
                      &limits.disk_percent) ||
        !percent_read(object, "release_margin_percent", 0,
                      &limits.margin_percent))
        return false;
    *ret_limits = limits;
    return true;
}

static void
limits_write(const struct quota_limits *limits, struct bytes *out)
{
    struct json_writer writer;
    json_writer_init(&writer, out);
    json_object_begin(&writer);
    json_key(&writer, "enabled");
    json_bool(&writer, limits->is_enabled);
    if (limits->memory_percent > 0) {
        json_key(&writer, "max_resident_memory_percent");
        json_u64(&writer, limits->memory_percent);
    }
    if (limits->disk_percent > 0) {
        json_key(&writer, "max_disk_usage_percent");
        json_u64(&writer, limits->disk_percent);
    }
    json_key(&writer, "release_margin_percent");
    json_u64(&writer, limits->margin_percent);
    json_object_end(&writer);
}

static enum engine_code
path_make(const struct quota *quota, struct bytes *path, struct error *reterr)
{
    bytes_init(path, PATH_SIZE_MAX);
    bytes_addf(path, "%s/quotas.json", quota->folder);
    return bytes_failed(path) ? error_memory(reterr) : ENGINE_OK;
}

/* -1: there is none; otherwise how much was read. */
static ssize_t
file_text(const char *path, char *text, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? -1 : 0;
    ssize_t used = read(fd, text, size);
    close(fd);
    return used < 0 ? 0 : used;
}

static enum engine_code
file_read(struct quota *quota, struct error *reterr)
{
    struct bytes path;
    struct error unused;
    char text[FILE_SIZE_MAX];
    yyjson_doc *doc = NULL;
    enum engine_code code = path_make(quota, &path, reterr);
    if (code != ENGINE_OK) {
        bytes_release(&path);
        return code;
    }
    ssize_t size = file_text(path.data, text, sizeof(text));
    bool is_read =
        size < 0 || (json_parse((struct span){ text, (size_t)size }, &doc,
                                &unused) == ENGINE_OK &&
                     limits_read(yyjson_doc_get_root(doc), &quota->limits));
    if (!is_read)
        code = error_set(reterr, ENGINE_EINPUT,
                         "%s is not understood: remove it, and set the quotas "
                         "again (PUT /quotas)",
                         path.data);
    yyjson_doc_free(doc);
    bytes_release(&path);
    return code;
}

static enum engine_code
file_write(const struct quota *quota, const struct quota_limits *limits,
           struct error *reterr)
{
    struct bytes path, text;
    bytes_init(&text, FILE_SIZE_MAX);
    limits_write(limits, &text);
    enum engine_code code = path_make(quota, &path, reterr);
    if (code == ENGINE_OK && bytes_failed(&text))
        code = error_memory(reterr);
    if (code == ENGINE_OK)
        code = checkpoint_write(path.data, bytes_span(&text), reterr);
    bytes_release(&text);
    bytes_release(&path);
    return code;
}

/* ---- the door ------------------------------------------------------------ */

/* The caller holds the lock, or is alone. */
static void
activate(struct quota *quota)
{
    const struct quota_limits *limits = &quota->limits;
    quota->use = (struct quota_use){ 0 };
    quota->look_ms = 0;
    atomic_store(&quota->is_active,
                 limits->is_enabled &&
                     (limits->memory_percent > 0 || limits->disk_percent > 0));
}

enum engine_code
quota_open(const char *folder, const struct quota_limits *limits,
           uint64_t memory_size, struct quota **ret_quota, struct error *reterr)
{
    struct quota *quota = calloc(1, sizeof(*quota));
    if (quota == NULL)
        return error_memory(reterr);
    quota->folder = folder;
    quota->limits = *limits;
    quota->memory_size = memory_size > 0 ? memory_size : memory_total("");
    enum engine_code code = file_read(quota, reterr);
    if (code != ENGINE_OK) {
        free(quota);
        return code;
    }
    pthread_mutex_init(&quota->lock, NULL);
    activate(quota);
    *ret_quota = quota;
    return ENGINE_OK;
}

void
quota_close(struct quota *quota)
{
    if (quota == NULL)
        return;
    pthread_mutex_destroy(&quota->lock);
    free(quota);
}

enum engine_code
quota_set(struct quota *quota, const struct quota_limits *limits,
          struct error *reterr)
{
    pthread_mutex_lock(&quota->lock);
    enum engine_code code = file_write(quota, limits, reterr);
    if (code == ENGINE_OK) {
        quota->limits = *limits;
        activate(quota);
    }
    pthread_mutex_unlock(&quota->lock);
    return code;
}

void
quota_get(struct quota *quota, struct quota_limits *ret_limits)
{
    pthread_mutex_lock(&quota->lock);
    *ret_limits = quota->limits;
    pthread_mutex_unlock(&quota->lock);
}

void
quota_look(struct quota *quota, struct quota_use *ret_use)
{
    pthread_mutex_lock(&quota->lock);
    look(quota);
    *ret_use = quota->use;
    pthread_mutex_unlock(&quota->lock);
}

/* What is full, in the words of the refusal. */
struct resource {
    const char *what, *of, *noun, *key;
};
static const struct resource memory = { "Resident memory usage", "memory",
                                        "memory",
                                        "max_resident_memory_percent" };
static const struct resource disk = { "Disk usage", "capacity", "disk",
                                      "max_disk_usage_percent" };

static enum engine_code
refuse(const struct resource *resource, uint64_t percent, uint64_t limit,
       uint64_t margin, struct error *reterr)
{
    uint64_t release = release_of(limit, margin);
    if (percent < limit)
        return error_set(reterr, ENGINE_ENOSPACE,
                         "%s is at %llu%% of total %s. It reached the "
                         "configured limit of %llu%% and has to fall below "
                         "%llu%% before this node takes writes again.",
                         resource->what, (unsigned long long)percent,
                         resource->of, (unsigned long long)limit,
                         (unsigned long long)release);
    return error_set(reterr, ENGINE_ENOSPACE,
                     "%s is at %llu%% of total %s, exceeding the configured "
                     "limit of %llu%%. Help: Reduce %s usage (e.g. delete "
                     "points or drop collections), or raise `%s` in the global "
                     "quota config.",
                     resource->what, (unsigned long long)percent, resource->of,
                     (unsigned long long)limit, resource->noun, resource->key);
}

enum engine_code
quota_check(struct quota *quota, struct error *reterr)
{
    const struct quota_limits *limits = &quota->limits;
    enum engine_code code = ENGINE_OK;
    if (!atomic_load_explicit(&quota->is_active, memory_order_relaxed))
        return ENGINE_OK;
    pthread_mutex_lock(&quota->lock);
    if (clock_ms() - quota->look_ms >= QUOTA_LOOK_MS)
        look(quota);
    if (quota->use.is_memory_over)
        code = refuse(&memory, quota->use.memory_percent,
                      limits->memory_percent, limits->margin_percent, reterr);
    else if (quota->use.is_disk_over)
        code = refuse(&disk, quota->use.disk_percent, limits->disk_percent,
                      limits->margin_percent, reterr);
    pthread_mutex_unlock(&quota->lock);
    return code;
}
