/* SPDX-License-Identifier: Apache-2.0
 * Values of points, sorted into groups. */
#include "engine/collection/groups_found.h"

#include "engine/filter/path.h"

#include <stdlib.h>
#include <string.h>

static int
compare_keys(const struct group_key *a, const struct group_key *b)
{
    if (a->is_string != b->is_string)
        return a->is_string ? 1 : -1;
    if (a->is_string)
        return span_compare(a->string, b->string);
    if (a->is_negative != b->is_negative)
        return a->is_negative ? -1 : 1;
    return (a->number > b->number) - (a->number < b->number);
}

static int
compare_entries(const void *left, const void *right)
{
    const struct groups_entry *a = left, *b = right;
    int order = compare_keys(&a->key, &b->key);
    return order != 0
               ? order
               : (a->sequence > b->sequence) - (a->sequence < b->sequence);
}

static int
compare_runs(const void *left, const void *right)
{
    const struct groups_run *a = left, *b = right;
    return (a->sequence > b->sequence) - (a->sequence < b->sequence);
}

/* Twice the room, if it is full. False: no memory. */
static bool
make_room(struct arena *arena, void **items, size_t count, size_t *room,
          size_t size)
{
    if (count < *room)
        return true;
    size_t wanted = *room == 0 ? 64 : 2 * *room;
    void *larger = arena_calloc(arena, wanted, size);
    if (larger == NULL)
        return false;
    if (count > 0)
        memcpy(larger, *items, count * size);
    *items = larger;
    *room = wanted;
    return true;
}

/* One value of the last point seen. */
static bool
take_value(void *ctx, yyjson_val *value)
{
    struct groups_found *found = ctx;
    struct group_key key = { .is_string = yyjson_is_str(value) };
    void *entries = found->entries;
    if (!key.is_string && !yyjson_is_int(value))
        return true;
    key.is_negative = yyjson_is_sint(value) && yyjson_get_sint(value) < 0;
    if (key.is_string)
        key.string = arena_span(found->arena, json_span(value));
    else
        key.number = yyjson_get_uint(value);
    if (arena_failed(found->arena) ||
        !make_room(found->arena, &entries, found->entries_count,
                   &found->entries_room, sizeof(struct groups_entry))) {
        found->is_failed = true;
        return false;
    }
    found->entries = entries;
    found->entries[found->entries_count] =
        (struct groups_entry){ .key = key,
                               .place = found->seen_count - 1,
                               .sequence = found->sequence++ };
    found->entries_count++;
    return true;
}

enum engine_code
groups_take(struct groups_found *found, const struct records *records,
            struct error *reterr)
{
    for (size_t i = 0; i < records->count; i++) {
        struct record record = records->items[i];
        void *seen = found->seen;
        yyjson_val *payload = json_reader_root(found->json, record.payload);
        if (!make_room(found->arena, &seen, found->seen_count,
                       &found->seen_room, sizeof(record)))
            return error_memory(reterr);
        found->seen = seen;
        record.payload = (struct span){ NULL, 0 };
        found->seen[found->seen_count++] = record;
        (void)path_walk_elements(found->key, payload, take_value, found);
        if (found->is_failed)
            return error_memory(reterr);
    }
    return ENGINE_OK;
}

/* A point's array may hold a value several times. */
static size_t
leave_out_repeated(struct groups_entry *entries, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (i == 0 || entries[kept - 1].place != entries[i].place ||
            compare_keys(&entries[kept - 1].key, &entries[i].key) != 0)
            entries[kept++] = entries[i];
    return kept;
}

/* Entries by group, and the groups by their best entries. */
enum engine_code
groups_sort(struct groups_found *found, struct error *reterr)
{
    struct groups_entry *entries = found->entries;
    size_t count = found->entries_count;
    found->runs_count = 0;
    found->runs = arena_calloc(found->arena, count + 1, sizeof(*found->runs));
    if (found->runs == NULL)
        return error_memory(reterr);
    if (count > 0)
        qsort(entries, count, sizeof(*entries), compare_entries);
    count = leave_out_repeated(entries, count);
    found->entries_count = count;
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || compare_keys(&entries[i - 1].key, &entries[i].key) != 0)
            found->runs[found->runs_count++] =
                (struct groups_run){ i, i, entries[i].sequence };
        found->runs[found->runs_count - 1].end = i + 1;
    }
    qsort(found->runs, found->runs_count, sizeof(*found->runs), compare_runs);
    return ENGINE_OK;
}
