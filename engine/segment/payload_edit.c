/* SPDX-License-Identifier: Apache-2.0
 * Editing payloads at paths, on yyjson's mutable values. A walk follows the
 * steps of the path; it branches only at `[]`, so its depth is bounded by
 * FILTER_PATH_STEPS_MAX. */
#include "engine/segment/payload_edit.h"

#include "engine/filter/path.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <yyjson.h>

/* A member of what is merged. */
struct merged {
    struct span name;
    yyjson_val *value;
    bool is_there; /* in the object at hand */
};

/* A merge: functions with it return false when memory is out, or the result
 * would be too large. */
struct edit {
    yyjson_mut_doc *doc;
    yyjson_val *change;     /* what is merged */
    struct merged *members; /* ascending by name, each name once; owned */
    size_t members_count;
    /* What each place that the members go to adds to the result at least, and
     * what they may all add: `[]` in a path has many. */
    size_t each_size;
    size_t left_size;
    bool is_too_large;
};

static int
merged_compare(const void *a, const void *b)
{
    const struct merged *left = a, *right = b;
    int order = span_compare(left->name, right->name);
    if (order != 0)
        return order;
    return (left->value > right->value) - (left->value < right->value);
}

/* The members of `change`; of several with one name the last. */
static bool
members_init(struct edit *edit)
{
    size_t index, count;
    yyjson_val *key, *value;
    edit->members =
        calloc(yyjson_obj_size(edit->change) + 1, sizeof(*edit->members));
    if (edit->members == NULL)
        return false;
    yyjson_obj_foreach(edit->change, index, count, key, value)
    {
        struct span name = { unsafe_yyjson_get_str(key),
                             unsafe_yyjson_get_len(key) };
        edit->members[index] = (struct merged){ .name = name, .value = value };
    }
    if (count > 1)
        qsort(edit->members, count, sizeof(*edit->members), merged_compare);
    for (size_t i = 0; i < count; i++) {
        size_t kept = edit->members_count;
        if (kept > 0 &&
            span_equal(edit->members[kept - 1].name, edit->members[i].name))
            kept--;
        edit->members[kept] = edit->members[i];
        edit->members_count = kept + 1;
    }
    return true;
}

static struct merged *
member_find(const struct edit *edit, void *key)
{
    struct span name = { unsafe_yyjson_get_str(key),
                         unsafe_yyjson_get_len(key) };
    size_t low = 0, high = edit->members_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = span_compare(edit->members[middle].name, name);
        if (order == 0)
            return &edit->members[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static yyjson_mut_val *
member(yyjson_mut_val *object, struct span key)
{
    return yyjson_mut_obj_getn(object, key.data, key.size);
}

static bool
put(const struct edit *edit, yyjson_mut_val *object, struct span key,
    yyjson_mut_val *value)
{
    yyjson_mut_val *name = yyjson_mut_strncpy(edit->doc, key.data, key.size);
    return name != NULL && value != NULL &&
           yyjson_mut_obj_add(object, name, value);
}

/* Replaces and removes what the object has, each name once. */
static bool
merge_present(const struct edit *edit, yyjson_mut_val *object)
{
    yyjson_mut_obj_iter iter;
    yyjson_mut_val *key;
    yyjson_mut_obj_iter_init(object, &iter);
    while ((key = yyjson_mut_obj_iter_next(&iter)) != NULL) {
        struct merged *merged = member_find(edit, key);
        if (merged == NULL)
            continue;
        if (merged->is_there || yyjson_is_null(merged->value)) {
            (void)yyjson_mut_obj_iter_remove(&iter);
            continue;
        }
        yyjson_mut_val *copy = yyjson_val_mut_copy(edit->doc, merged->value);
        if (copy == NULL)
            return false;
        /* As yyjson_mut_obj_put(): the key's next is its value. */
        copy->next = key->next->next;
        key->next = copy;
        merged->is_there = true;
    }
    return true;
}

static bool
merge_members(struct edit *edit, yyjson_mut_val *object)
{
    if (edit->each_size > edit->left_size) {
        edit->is_too_large = true;
        return false;
    }
    edit->left_size -= edit->each_size;
    for (size_t i = 0; i < edit->members_count; i++)
        edit->members[i].is_there = false;
    if (!merge_present(edit, object))
        return false;
    size_t index, count;
    yyjson_val *key, *value;
    yyjson_obj_foreach(edit->change, index, count, key, value)
    {
        const struct merged *merged = member_find(edit, key);
        assert(merged != NULL);
        if (!merged->is_there && merged->value == value &&
            !yyjson_is_null(value) &&
            !put(edit, object, merged->name,
                 yyjson_val_mut_copy(edit->doc, value)))
            return false;
    }
    return true;
}

/* Finds out each_size and left_size, when the path leads to many places. */
static bool
measure(struct edit *edit, const struct payload_path *path, size_t size_max)
{
    size_t tail = 0;
    bool is_many = false;
    for (size_t i = 0; path != NULL && i < path->steps_count; i++) {
        tail +=
            path_step_has_key(&path->steps[i]) ? path->steps[i].key.size : 0;
        if (path->steps[i].index != PATH_INDEX_ALL)
            continue;
        is_many = true;
        tail = 0;
    }
    if (!is_many)
        return true;
    size_t size = 0;
    yyjson_mut_val *one = yyjson_mut_obj(edit->doc);
    if (one == NULL || !merge_members(edit, one))
        return false;
    char *text = yyjson_mut_val_write_opts(one, 0, NULL, &size, NULL);
    free(text);
    edit->each_size = size > 2 ? tail + size - 2 : tail;
    edit->left_size = size_max;
    return text != NULL;
}

static bool merge_at(struct edit *edit, const struct payload_path *path,
                     size_t step, yyjson_mut_val *object);

/* One element of an array, after step `step` - 1. */
static bool
merge_element(struct edit *edit, const struct payload_path *path, size_t step,
              yyjson_mut_val *element)
{
    bool is_array_next =
        step < path->steps_count && !path_step_has_key(&path->steps[step]);
    if (is_array_next) {
        if (!yyjson_mut_is_arr(element))
            yyjson_mut_set_arr(element);
    } else if (!yyjson_mut_is_obj(element)) {
        yyjson_mut_set_obj(element);
    }
    return merge_at(edit, path, step, element);
}

static bool
merge_array(struct edit *edit, const struct payload_path *path, size_t step,
            yyjson_mut_val *array)
{
    const struct path_step *at = &path->steps[step];
    if (at->index == PATH_INDEX_ONE) {
        yyjson_mut_val *element = yyjson_mut_arr_get(array, at->element);
        return element == NULL || merge_element(edit, path, step + 1, element);
    }
    size_t index, count;
    yyjson_mut_val *element;
    yyjson_mut_arr_foreach(array, index, count, element)
    {
        if (!merge_element(edit, path, step + 1, element))
            return false;
    }
    return true;
}

/* `value` is what step `step` starts from: an object, or an array when the
 * step has no key of its own. */
static bool
merge_at(struct edit *edit, const struct payload_path *path, size_t step,
         yyjson_mut_val *value)
{
    if (path == NULL || step == path->steps_count)
        return merge_members(edit, value);
    const struct path_step *at = &path->steps[step];
    if (!path_step_has_key(at))
        return merge_array(edit, path, step, value);
    yyjson_mut_val *child = member(value, at->key);
    if (child == NULL) {
        child = at->index == PATH_INDEX_NONE ? yyjson_mut_obj(edit->doc)
                                             : yyjson_mut_arr(edit->doc);
        if (child == NULL || !put(edit, value, at->key, child))
            return false;
    }
    if (at->index == PATH_INDEX_NONE) {
        if (!yyjson_mut_is_obj(child))
            yyjson_mut_set_obj(child);
        return merge_at(edit, path, step + 1, child);
    }
    if (!yyjson_mut_is_arr(child))
        yyjson_mut_set_arr(child);
    return merge_array(edit, path, step, child);
}

static void remove_at(const struct payload_path *path, size_t step,
                      yyjson_mut_val *value);

static void
remove_in_array(const struct payload_path *path, size_t step,
                yyjson_mut_val *array)
{
    const struct path_step *at = &path->steps[step];
    bool is_last = step + 1 == path->steps_count;
    if (!yyjson_mut_is_arr(array))
        return;
    if (at->index == PATH_INDEX_ONE) {
        yyjson_mut_val *element = yyjson_mut_arr_get(array, at->element);
        if (!is_last && element != NULL)
            remove_at(path, step + 1, element);
        return;
    }
    if (is_last) {
        (void)yyjson_mut_arr_clear(array);
        return;
    }
    size_t index, count;
    yyjson_mut_val *element;
    yyjson_mut_arr_foreach(array, index, count, element)
    {
        remove_at(path, step + 1, element);
    }
}

static void
remove_at(const struct payload_path *path, size_t step, yyjson_mut_val *value)
{
    const struct path_step *at = &path->steps[step];
    if (!path_step_has_key(at)) {
        remove_in_array(path, step, value);
        return;
    }
    if (!yyjson_mut_is_obj(value))
        return;
    yyjson_mut_val *child = member(value, at->key);
    if (child == NULL)
        return;
    if (at->index != PATH_INDEX_NONE)
        remove_in_array(path, step, child);
    else if (step + 1 == path->steps_count)
        (void)yyjson_mut_obj_remove_keyn(value, at->key.data, at->key.size);
    else
        remove_at(path, step + 1, child);
}

/* ---- text to text ---- */

static yyjson_doc *
parse(struct span text)
{
    struct span whole = text.size > 0 ? text : span_of("{}");
    /* Without YYJSON_READ_INSITU the input is never written to. */
    union {
        const char *in;
        char *out;
    } data = { .in = whole.data };
    yyjson_doc *doc = yyjson_read_opts(data.out, whole.size, 0, NULL, NULL);
    assert(doc == NULL || yyjson_is_obj(yyjson_doc_get_root(doc)));
    return doc;
}

/* A mutable copy of the payload; NULL when memory is out. */
static yyjson_mut_doc *
open_copy(struct span payload)
{
    yyjson_doc *doc = parse(payload);
    if (doc == NULL)
        return NULL;
    yyjson_mut_doc *copy = yyjson_doc_mut_copy(doc, NULL);
    yyjson_doc_free(doc);
    return copy;
}

static enum engine_code
write_out(yyjson_mut_doc *doc, struct bytes *out, struct error *reterr)
{
    size_t size = 0;
    char *text = yyjson_mut_write_opts(doc, 0, NULL, &size, NULL);
    if (text == NULL)
        return error_memory(reterr);
    bytes_release(out);
    enum engine_code code = ENGINE_OK;
    if (size > out->size_max) {
        code = error_set(reterr, ENGINE_EINPUT,
                         "payload would have %zu bytes, at most %zu are "
                         "allowed",
                         size, out->size_max);
    } else {
        bytes_add(out, text, size);
        if (bytes_failed(out))
            code = error_memory(reterr);
    }
    free(text);
    return code;
}

enum engine_code
payload_merge(struct span payload, struct span change,
              const struct payload_path *key, struct bytes *out,
              struct error *reterr)
{
    enum engine_code code = ENGINE_OK;
    yyjson_doc *source = parse(change);
    struct edit edit = { .doc = open_copy(payload),
                         .change = yyjson_doc_get_root(source) };
    if (source == NULL || edit.doc == NULL || !members_init(&edit) ||
        !measure(&edit, key, out->size_max) ||
        !merge_at(&edit, key, 0, yyjson_mut_doc_get_root(edit.doc)))
        code = edit.is_too_large
                   ? error_set(reterr, ENGINE_EINPUT,
                               "payload would have more than %zu bytes, at "
                               "most %zu are allowed",
                               out->size_max, out->size_max)
                   : error_memory(reterr);
    else
        code = write_out(edit.doc, out, reterr);
    free(edit.members);
    yyjson_mut_doc_free(edit.doc);
    yyjson_doc_free(source);
    return code;
}

enum engine_code
payload_remove(struct span payload, const struct payload_path *paths,
               size_t count, struct bytes *out, struct error *reterr)
{
    yyjson_mut_doc *doc = open_copy(payload);
    if (doc == NULL)
        return error_memory(reterr);
    for (size_t i = 0; i < count; i++)
        remove_at(&paths[i], 0, yyjson_mut_doc_get_root(doc));
    enum engine_code code = write_out(doc, out, reterr);
    yyjson_mut_doc_free(doc);
    return code;
}
