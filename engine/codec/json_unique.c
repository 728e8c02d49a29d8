/* SPDX-License-Identifier: Apache-2.0
 * Nearly no object has a key twice, so that is found out first. Keys of a usual
 * object are compared by short signs, all with all; only if two of them are the
 * same, or there are many, by a table of their hashes, whose chains are bounded
 * lest made-up keys make it slow. Only then a copy is made without the earlier
 * ones. Recursion: as deep as the value, at most JSON_DEPTH_MAX. */
#include "engine/codec/json_unique.h"

#include "engine/codec/json_read.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define SIGNS_MAX  128u /* a multiple of LANES */
#define PROBES_MAX 32u

/* ---- whether: by signs ---- */

#define LANES 4u
typedef uint32_t lanes __attribute__((vector_size(LANES * sizeof(uint32_t))));

static inline uint64_t
load(const char *at, size_t size)
{
    uint64_t value = 0;
    memcpy(&value, at, size);
    return value;
}

/* By its length, its beginning and its end. */
static inline uint32_t
sign_of(struct span key)
{
    const char *at = key.data, *end = key.data + key.size;
    uint64_t head = 0, tail = 0;
    if (key.size >= 8) {
        head = load(at, 8);
        tail = load(end - 8, 8);
    } else if (key.size >= 4) {
        head = load(at, 4);
        tail = load(end - 4, 4);
    } else if (key.size > 0) {
        head = (unsigned char)at[0];
        tail = (uint64_t)(unsigned char)at[key.size / 2] << 8 |
               (unsigned char)end[-1];
    }
    uint64_t mixed = (head + key.size) * UINT64_C(0x9e3779b97f4a7c15) ^
                     tail * UINT64_C(0xc2b2ae3d27d4eb4f);
    return (uint32_t)(mixed >> 32) | 1;
}

/* Puts a sign behind the others, and gives where it is the same as theirs. Those
 * behind the last, up to the next multiple of LANES, are 0, which none is. */
static inline lanes
sign_add(uint32_t signs[SIGNS_MAX], size_t count, uint32_t sign)
{
    static const lanes none = { 0 };
    lanes other, all = { sign, sign, sign, sign }, found = none;
    if (count % LANES == 0)
        memcpy(signs + count, &none, sizeof(none));
    for (size_t i = 0; i < count; i += LANES) {
        memcpy(&other, signs + i, sizeof(other));
        found |= (lanes)(other == all);
    }
    signs[count] = sign;
    return found;
}

static inline bool
is_none(lanes found)
{
    uint64_t halves[2];
    memcpy(halves, &found, sizeof(halves));
    return (halves[0] | halves[1]) == 0;
}

/* Filled before it is read. */
#define UNSET __attribute__((uninitialized))

static bool
signs_differ(const struct span *keys, size_t count)
{
    UNSET uint32_t signs[SIGNS_MAX];
    lanes found = { 0 };
    assert(count <= SIGNS_MAX);
    for (size_t i = 0; i < count; i++)
        found |= sign_add(signs, i, sign_of(keys[i]));
    return is_none(found);
}

/* Not inlined, for the sake of the recursion's frames. */
static bool __attribute__((noinline))
members_signs_differ(yyjson_val *object, bool *ret_has_more)
{
    UNSET uint32_t signs[SIGNS_MAX];
    lanes found = { 0 };
    size_t count = unsafe_yyjson_get_len(object);
    yyjson_val *key = unsafe_yyjson_get_first(object);
    bool has_more = false;
    assert(count <= SIGNS_MAX);
    for (size_t i = 0; i < count; i++) {
        yyjson_val *value = key + 1;
        struct span name = { unsafe_yyjson_get_str(key),
                             unsafe_yyjson_get_len(key) };
        found |= sign_add(signs, i, sign_of(name));
        has_more |= unsafe_yyjson_is_ctn(value);
        key = unsafe_yyjson_get_next(value);
    }
    *ret_has_more = has_more;
    return is_none(found);
}

/* ---- whether: by hashes ---- */

/* 0 where there is none. */
struct table {
    uint64_t *slots;
    size_t size; /* a power of two, at least twice the keys */
};

/* False: memory is out. table_release() in either case. */
static bool
table_init(struct table *table, size_t count)
{
    table->size = 2 * SIGNS_MAX;
    while (table->size < 2 * count)
        table->size *= 2;
    table->slots = calloc(table->size, sizeof(*table->slots));
    return table->slots != NULL;
}

static void
table_release(struct table *table)
{
    free(table->slots);
}

/* False: it is there, or another with its hash, or a chain is long. */
static bool
table_add(const struct table *table, struct span key)
{
    uint64_t hash = XXH3_64bits(key.data, key.size) | 1;
    size_t at = (size_t)(hash >> 32) & (table->size - 1);
    for (unsigned probe = 0; table->slots[at] != 0; probe++) {
        if (table->slots[at] == hash || probe == PROBES_MAX)
            return false;
        at = (at + 1) & (table->size - 1);
    }
    table->slots[at] = hash;
    return true;
}

bool
json_keys_differ(const struct span *keys, size_t count)
{
    struct table table;
    if (count <= SIGNS_MAX && signs_differ(keys, count))
        return true;
    bool is_differing = table_init(&table, count);
    for (size_t i = 0; i < count && is_differing; i++)
        is_differing = table_add(&table, keys[i]);
    table_release(&table);
    return is_differing;
}

static bool
members_hashes_differ(yyjson_val *object)
{
    struct table table;
    size_t i, count;
    yyjson_val *key, *value;
    bool is_differing = table_init(&table, yyjson_obj_size(object));
    yyjson_obj_foreach(object, i, count, key, value) is_differing =
        is_differing && table_add(&table, json_span(key));
    table_release(&table);
    return is_differing;
}

/* *ret_has_more is set to false where no value has members of its own. */
static inline bool
members_differ(yyjson_val *object, bool *ret_has_more)
{
    size_t count = unsafe_yyjson_get_len(object);
    return count < 2 ||
           (count <= SIGNS_MAX && members_signs_differ(object, ret_has_more)) ||
           members_hashes_differ(object);
}

bool
json_is_unique(yyjson_val *value)
{
    size_t i, count;
    yyjson_val *key, *item;
    bool has_more = true;
    if (yyjson_is_arr(value)) {
        if (unsafe_yyjson_arr_is_flat(value))
            return true;
        yyjson_arr_foreach(value, i, count, item)
        {
            if (yyjson_is_ctn(item) && !json_is_unique(item))
                return false;
        }
        return true;
    }
    if (!yyjson_is_obj(value))
        return true;
    if (!members_differ(value, &has_more))
        return false;
    if (!has_more)
        return true;
    yyjson_obj_foreach(value, i, count, key, item)
    {
        if (yyjson_is_ctn(item) && !json_is_unique(item))
            return false;
    }
    return true;
}

/* ---- without them ---- */

struct member {
    struct span key;
    yyjson_val *name, *value;
    size_t at;
    bool is_last; /* of its key */
};

static int
compare_keys(const void *a, const void *b)
{
    const struct member *left = a, *right = b;
    int order = span_compare(left->key, right->key);
    return order != 0 ? order : (left->at > right->at) - (left->at < right->at);
}

static int
compare_places(const void *a, const void *b)
{
    const struct member *left = a, *right = b;
    return (left->at > right->at) - (left->at < right->at);
}

/* The members of `object`, those to keep marked; NULL: memory is out. */
static struct member *
members_read(yyjson_val *object, size_t count)
{
    size_t i, max;
    yyjson_val *key, *value;
    struct member *members = calloc(count + 1, sizeof(*members));
    if (members == NULL)
        return NULL;
    yyjson_obj_foreach(object, i, max, key, value) members[i] =
        (struct member){ json_span(key), key, value, i, true };
    qsort(members, count, sizeof(*members), compare_keys);
    for (i = 1; i < count; i++)
        members[i - 1].is_last =
            !span_equal(members[i - 1].key, members[i].key);
    qsort(members, count, sizeof(*members), compare_places);
    return members;
}

static yyjson_mut_val *copy_unique(yyjson_mut_doc *doc, yyjson_val *value);

static yyjson_mut_val *
copy_object(yyjson_mut_doc *doc, yyjson_val *object)
{
    size_t count = yyjson_obj_size(object);
    yyjson_mut_val *copy = yyjson_mut_obj(doc);
    struct member *members = members_read(object, count);
    bool is_well = members != NULL;
    for (size_t i = 0; i < count && is_well; i++) {
        if (members[i].is_last)
            is_well = yyjson_mut_obj_add(
                copy, yyjson_val_mut_copy(doc, members[i].name),
                copy_unique(doc, members[i].value));
    }
    free(members);
    return is_well ? copy : NULL;
}

/* NULL: memory is out, which what takes it passes on. */
static yyjson_mut_val *
copy_unique(yyjson_mut_doc *doc, yyjson_val *value)
{
    if (yyjson_is_obj(value))
        return copy_object(doc, value);
    if (!yyjson_is_arr(value))
        return yyjson_val_mut_copy(doc, value);
    size_t i, count;
    yyjson_val *item;
    yyjson_mut_val *copy = yyjson_mut_arr(doc);
    yyjson_arr_foreach(value, i, count, item)
    {
        if (!yyjson_mut_arr_append(copy, copy_unique(doc, item)))
            return NULL;
    }
    return copy;
}

enum engine_code
json_unique_text(yyjson_val *value, struct bytes *out, struct error *reterr)
{
    size_t size = 0;
    assert(value != NULL);
    if (json_is_unique(value))
        return json_value_text(value, out, reterr);
    yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *copy = doc == NULL ? NULL : copy_unique(doc, value);
    char *text = yyjson_mut_val_write_opts(copy, 0, NULL, &size, NULL);
    if (text != NULL)
        bytes_add(out, text, size);
    free(text);
    yyjson_mut_doc_free(doc);
    return text == NULL || bytes_failed(out) ? error_memory(reterr) : ENGINE_OK;
}
