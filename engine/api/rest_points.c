/* SPDX-License-Identifier: Apache-2.0
 * Upserts read in one pass over their bytes: numbers straight into rows, only
 * payloads by the JSON parser. It answers no errors: whatever is unusual makes
 * it give up, and rest_upsert.c reads the whole body. */
#include "engine/api/rest_points.h"

#include "engine/codec/json_read.h"
#include "engine/codec/json_reader.h"
#include "engine/codec/json_scan.h"
#include "engine/collection/config.h"

#include <assert.h>
#include <string.h>

/* A payload is inside the body, the list of points and the point. */
#define PAYLOAD_DEPTH_MAX (JSON_DEPTH_MAX - 3)
#define LIST_ROOM_MIN     16

struct reader {
    struct json_scan scan;
    struct arena *arena;
    struct json_reader *payloads; /* NULL until there is one */
    float *row;                   /* the vector that is being read */
    size_t row_room;
};

/* Items of one size, in the arena. */
struct list {
    void *items;
    size_t item_size;
    size_t count;
    size_t room;
};

/* The next item, zeroed, or NULL. */
static void *
list_add(struct reader *reader, struct list *list)
{
    if (list->count == COMMAND_POINTS_MAX)
        return NULL;
    if (list->count == list->room) {
        size_t room = list->room == 0 ? LIST_ROOM_MIN : list->room * 2;
        char *items = arena_calloc(reader->arena, room, list->item_size);
        if (items == NULL)
            return NULL;
        if (list->count > 0)
            memcpy(items, list->items, list->count * list->item_size);
        list->items = items;
        list->room = room;
    }
    return (char *)list->items + list->count++ * list->item_size;
}

/* After an item or member: *ret_is_last when `close` came, not a comma. */
static bool
scan_next(struct json_scan *scan, char close, bool *ret_is_last)
{
    *ret_is_last = json_scan_take(scan, close);
    return *ret_is_last || json_scan_take(scan, ',');
}

static bool
read_id(struct reader *reader, struct point_id *id)
{
    struct span text;
    *id = (struct point_id){ .is_uuid = false };
    if (json_scan_next(&reader->scan) != '"')
        return json_scan_uint(&reader->scan, &id->number);
    return json_scan_text(&reader->scan, &text) && point_id_from_uuid(text, id);
}

/* A list of lists of one length, after its first bracket. */
static bool
read_multi(struct reader *reader, struct named_vector *vector)
{
    size_t dim = 0, count, room = 0;
    float *values = NULL;
    for (bool is_last = false; !is_last; vector->rows++) {
        if (!json_scan_floats(&reader->scan, reader->row, reader->row_room,
                              &count) ||
            (vector->rows > 0 && count != dim) ||
            (vector->rows + 1) * count >= VECTOR_MULTI_MAX)
            return false;
        dim = count;
        if (vector->rows == room) {
            float *more = arena_alloc(reader->arena,
                                      2 * (room + 4) * dim * sizeof(*more));
            if (more == NULL)
                return false;
            if (room > 0)
                memcpy(more, values, room * dim * sizeof(*more));
            values = more;
            room = 2 * (room + 4);
        }
        memcpy(values + vector->rows * dim, reader->row, dim * sizeof(*values));
        if (!scan_next(&reader->scan, ']', &is_last))
            return false;
    }
    vector->kind = VECTOR_MULTI;
    vector->values = values;
    vector->dim = dim;
    return true;
}

static bool
read_vector(struct reader *reader, struct named_vector *vector)
{
    size_t dim;
    struct json_scan inner = reader->scan;
    if (json_scan_take(&inner, '[') && json_scan_next(&inner) == '[') {
        reader->scan = inner;
        return read_multi(reader, vector);
    }
    if (!json_scan_floats(&reader->scan, reader->row, reader->row_room, &dim))
        return false;
    float *values = arena_alloc(reader->arena, dim * sizeof(*values));
    if (values == NULL)
        return false;
    memcpy(values, reader->row, dim * sizeof(*values));
    vector->values = values;
    vector->dim = dim;
    return true;
}

static bool
read_named_vectors(struct reader *reader, struct list *vectors)
{
    bool is_last = !json_scan_take(&reader->scan, '{');
    while (!is_last) {
        struct named_vector *vector = list_add(reader, vectors);
        if (vector == NULL || vectors->count > CONFIG_VECTORS_MAX ||
            !json_scan_name(&reader->scan, &vector->name))
            return false;
        /* Sparse vectors and inference objects have these. */
        if (span_equal_text(vector->name, "indices") ||
            span_equal_text(vector->name, "model"))
            return false;
        if (!read_vector(reader, vector) ||
            !scan_next(&reader->scan, '}', &is_last))
            return false;
    }
    return vectors->count > 0;
}

/* A list, or an object of lists. */
static bool
read_vectors(struct reader *reader, const struct named_vector **ret_vectors,
             size_t *ret_count)
{
    struct list vectors = { .item_size = sizeof(struct named_vector) };
    if (json_scan_next(&reader->scan) == '[') {
        struct named_vector *vector =
            arena_calloc(reader->arena, 1, sizeof(*vector));
        if (vector == NULL || !read_vector(reader, vector))
            return false;
        vector->name = (struct span){ "", 0 };
        vectors.items = vector;
        vectors.count = 1;
    } else if (!read_named_vectors(reader, &vectors)) {
        return false;
    }
    *ret_vectors = vectors.items;
    *ret_count = vectors.count;
    return true;
}

/* An object, or null for none. */
static bool
read_payload(struct reader *reader, struct span *ret_payload)
{
    struct span text, compact;
    *ret_payload = (struct span){ NULL, 0 };
    if (json_scan_take_null(&reader->scan))
        return true;
    if (!json_scan_object(&reader->scan, PAYLOAD_DEPTH_MAX, &text))
        return false;
    if (reader->payloads == NULL)
        reader->payloads = json_reader_new();
    if (reader->payloads == NULL ||
        !json_reader_compact(reader->payloads, text, &compact) ||
        compact.size >= COMMAND_PAYLOAD_SIZE_MAX)
        return false;
    ret_payload->data =
        arena_strndup(reader->arena, compact.data, compact.size);
    ret_payload->size = compact.size;
    return ret_payload->data != NULL;
}

static bool
read_point(struct reader *reader, struct point *point)
{
    bool has_id = false, has_vector = false, has_payload = false;
    bool is_last = false;
    if (!json_scan_take(&reader->scan, '{'))
        return false;
    while (!is_last) {
        struct span name;
        bool is_fine = false;
        if (!json_scan_name(&reader->scan, &name))
            return false;
        if (span_equal_text(name, "id") && !has_id) {
            has_id = is_fine = read_id(reader, &point->id);
        } else if (span_equal_text(name, "vector") && !has_vector) {
            has_vector = is_fine =
                read_vectors(reader, &point->vectors, &point->vectors_count);
        } else if (span_equal_text(name, "payload") && !has_payload) {
            has_payload = is_fine = read_payload(reader, &point->payload);
        }
        if (!is_fine || !scan_next(&reader->scan, '}', &is_last))
            return false;
    }
    return has_id && has_vector;
}

static bool
read_points(struct reader *reader, struct list *points)
{
    bool is_last = false;
    if (!json_scan_take(&reader->scan, '['))
        return false;
    while (!is_last) {
        struct point *point = list_add(reader, points);
        if (point == NULL || !read_point(reader, point) ||
            !scan_next(&reader->scan, ']', &is_last))
            return false;
    }
    return true;
}

/* ---- the columns of a batch ---- */

enum column { COLUMN_ID, COLUMN_VECTOR, COLUMN_PAYLOAD, COLUMN_COUNT };

static const char *const column_names[COLUMN_COUNT] = { "ids", "vectors",
                                                        "payloads" };

static bool
read_cell(struct reader *reader, enum column column, struct point *point)
{
    switch (column) {
    case COLUMN_ID:
        return read_id(reader, &point->id);
    case COLUMN_VECTOR:
        return json_scan_next(&reader->scan) == '[' &&
               read_vectors(reader, &point->vectors, &point->vectors_count);
    case COLUMN_PAYLOAD:
        return read_payload(reader, &point->payload);
    case COLUMN_COUNT:
        break;
    }
    return false;
}

/* Fills the points that are there, or makes them if this column is the first
 * one. */
static bool
read_column(struct reader *reader, enum column column, bool is_first,
            struct list *points)
{
    size_t count = 0;
    bool is_last = false;
    if (!json_scan_take(&reader->scan, '['))
        return false;
    for (; !is_last; count++) {
        struct point *point = points->items;
        if (is_first)
            point = list_add(reader, points);
        else
            point = count < points->count ? point + count : NULL;
        if (point == NULL || !read_cell(reader, column, point) ||
            !scan_next(&reader->scan, ']', &is_last))
            return false;
    }
    return count == points->count;
}

static bool
read_batch(struct reader *reader, struct list *points)
{
    bool is_there[COLUMN_COUNT] = { false };
    bool is_first = true, is_last = false;
    if (!json_scan_take(&reader->scan, '{'))
        return false;
    while (!is_last) {
        struct span name;
        size_t column = 0;
        if (!json_scan_name(&reader->scan, &name))
            return false;
        while (column < COLUMN_COUNT &&
               !span_equal_text(name, column_names[column]))
            column++;
        if (column == COLUMN_COUNT || is_there[column] ||
            !read_column(reader, (enum column)column, is_first, points) ||
            !scan_next(&reader->scan, '}', &is_last))
            return false;
        is_there[column] = true;
        is_first = false;
    }
    return is_there[COLUMN_ID] && is_there[COLUMN_VECTOR];
}

/* ---- the body ---- */

static bool
read_body(struct reader *reader, enum update_kind kind, struct list *points)
{
    bool is_there = false, is_last = false;
    if (!json_scan_take(&reader->scan, '{'))
        return false;
    while (!is_last) {
        struct span name;
        bool is_fine;
        if (!json_scan_name(&reader->scan, &name))
            return false;
        if (span_equal_text(name, "points"))
            is_fine = !is_there && read_points(reader, points);
        else if (span_equal_text(name, "batch"))
            is_fine = !is_there && kind == UPDATE_UPSERT &&
                      read_batch(reader, points);
        else
            is_fine = json_scan_take_null(&reader->scan);
        is_there = is_there || points->count > 0;
        if (!is_fine || !scan_next(&reader->scan, '}', &is_last))
            return false;
    }
    return is_there && json_scan_is_over(&reader->scan);
}

bool
rest_points_scan(struct span body, enum update_kind kind, struct arena *arena,
                 struct update *ret_update)
{
    assert(kind == UPDATE_UPSERT || kind == UPDATE_VECTORS);
    struct reader reader = { .scan = json_scan_of(body), .arena = arena };
    struct list points = { .item_size = sizeof(struct point) };
    /* A number has two bytes at least, with what follows it. */
    reader.row_room =
        body.size / 2 < COMMAND_DIM_MAX ? body.size / 2 : COMMAND_DIM_MAX;
    reader.row = arena_alloc(arena, (reader.row_room + 1) * sizeof(float));
    bool is_read = reader.row != NULL && read_body(&reader, kind, &points);
    json_reader_free(reader.payloads);
    if (is_read)
        *ret_update = (struct update){ .kind = kind,
                                       .points = points.items,
                                       .points_count = points.count };
    return is_read;
}
