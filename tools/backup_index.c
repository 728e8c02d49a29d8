/* SPDX-License-Identifier: Apache-2.0
 * The lists of a target: which sets are whole, and the one that is not. */
#include "tools/backup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PENDING_AGE_MAX_S 86400
#define TIME_SIZE         32

static bool
json_put(struct target *target, const char *key, const json_t *value,
         struct fault *reterr)
{
    char *text = json_dumps(value, JSON_INDENT(1));
    if (text == NULL)
        return fault_set(reterr, "out of memory");
    bool is_done = target->kind->put(target, key, span_of(text), reterr);
    free(text);
    return is_done;
}

/* NULL with *ret_is_missing: there is none. */
static json_t *
json_get(struct target *target, const char *key, bool *ret_is_missing,
         struct fault *reterr)
{
    struct bytes text;
    json_t *value = NULL;
    bytes_init(&text, TARGET_TEXT_MAX);
    if (target_get_text(target, key, &text, ret_is_missing, reterr)) {
        value =
            text.size == 0 ? NULL : json_loadb(text.data, text.size, 0, NULL);
        if (value == NULL)
            fault_set(reterr,
                      "%s of the target is no JSON; was it written by "
                      "somebody else?",
                      key);
    }
    bytes_release(&text);
    return value;
}

json_t *
backup_index_read(struct target *target, struct fault *reterr)
{
    bool is_missing = false;
    json_int_t version = 0;
    json_t *sets = NULL;
    json_t *root = json_get(target, BACKUP_INDEX, &is_missing, reterr);
    if (root == NULL)
        return is_missing ? json_array() : NULL;
    if (json_unpack(root, "{s:I, s:O}", "azimuth_backup", &version, "sets",
                    &sets) != 0 ||
        version != 1 || !json_is_array(sets)) {
        fault_set(reterr, BACKUP_INDEX " of the target is not ours");
        json_decref(sets);
        sets = NULL;
    }
    json_decref(root);
    return sets;
}

bool
backup_index_write(struct backup_run *run, struct fault *reterr)
{
    json_t *root =
        json_pack("{s:i, s:O}", "azimuth_backup", 1, "sets", run->index);
    bool is_done = root != NULL
                       ? json_put(run->target, BACKUP_INDEX, root, reterr)
                       : fault_set(reterr, "out of memory");
    json_decref(root);
    return is_done;
}

bool
backup_pending_write(struct backup_run *run, struct fault *reterr)
{
    return json_put(run->target, BACKUP_PENDING, run->pending, reterr);
}

static json_t *
pending_new(time_t now)
{
    char text[TIME_SIZE];
    struct tm parts;
    gmtime_r(&now, &parts);
    strftime(text, sizeof(text), "%Y%m%dT%H%M%SZ", &parts);
    return json_pack("{s:I, s:n, s:{s:s, s:[], s:[]}}", "begun",
                     (json_int_t)now, "upload", "set", "time", text,
                     "collections", "aliases");
}

/* A part of an object that nobody will finish. */
static void
upload_abandon(struct backup_run *run, const json_t *upload)
{
    struct target_upload left = { .file = NULL };
    struct fault ignored;
    const char *key = NULL, *id = NULL;
    if (json_unpack_ex((json_t *)(uintptr_t)upload, NULL, 0, "{s:s, s:s}",
                       "key", &key, "id", &id) != 0)
        return;
    snprintf(left.key, sizeof(left.key), "%s", key);
    snprintf(left.id, sizeof(left.id), "%s", id);
    (void)run->target->kind->abandon(run->target, &left, &ignored);
}

bool
backup_pending_read(struct backup_run *run, struct fault *reterr)
{
    bool is_missing = false;
    time_t now = time(NULL);
    json_t *left = json_get(run->target, BACKUP_PENDING, &is_missing, reterr);
    if (left == NULL && !is_missing)
        return false;
    json_int_t begun = json_integer_value(json_object_get(left, "begun"));
    if (left != NULL && !run->is_restart &&
        json_is_array(
            json_object_get(json_object_get(left, "set"), "collections")) &&
        begun <= now && now - begun < PENDING_AGE_MAX_S) {
        fprintf(stderr, "azimuthctl: going on with the backup of %s\n",
                json_string_value(
                    json_object_get(json_object_get(left, "set"), "time")));
        run->pending = left;
        return true;
    }
    if (left != NULL)
        upload_abandon(run, json_object_get(left, "upload"));
    json_decref(left);
    run->pending = pending_new(now);
    return run->pending != NULL || fault_set(reterr, "out of memory");
}

static bool
set_has(const json_t *set, const char *key)
{
    const json_t *entry;
    size_t i;
    json_array_foreach(json_object_get(set, "collections"), i, entry)
    {
        const char *other = json_string_value(json_object_get(entry, "key"));
        if (other != NULL && strcmp(other, key) == 0)
            return true;
    }
    return false;
}

static bool
index_has(const json_t *index, const char *key)
{
    const json_t *set;
    size_t i;
    json_array_foreach(index, i, set) if (set_has(set, key)) return true;
    return false;
}

/* The index no longer has `set` when its objects go. */
static bool
set_remove(struct backup_run *run, const json_t *set, struct fault *reterr)
{
    const json_t *entry;
    size_t i;
    json_array_foreach(json_object_get(set, "collections"), i, entry)
    {
        const char *key = json_string_value(json_object_get(entry, "key"));
        if (key != NULL && !index_has(run->index, key) &&
            !run->target->kind->remove(run->target, key, reterr))
            return false;
    }
    return true;
}

bool
backup_index_add(struct backup_run *run, struct fault *reterr)
{
    json_t *old = json_array();
    bool is_done = old != NULL &&
                   json_array_append(run->index,
                                     json_object_get(run->pending, "set")) == 0;
    while (is_done && run->keep > 0 &&
           json_array_size(run->index) > run->keep) {
        is_done = json_array_append(old, json_array_get(run->index, 0)) == 0 &&
                  json_array_remove(run->index, 0) == 0;
    }
    if (!is_done)
        fault_set(reterr, "out of memory");
    is_done = is_done && backup_index_write(run, reterr) &&
              run->target->kind->remove(run->target, BACKUP_PENDING, reterr);
    const json_t *set;
    size_t i;
    json_array_foreach(old, i, set) is_done =
        is_done && set_remove(run, set, reterr);
    json_decref(old);
    return is_done;
}
