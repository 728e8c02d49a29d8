/* SPDX-License-Identifier: Apache-2.0
 * Points of an answer, written straight into the reply. */
#include "engine/api/rest_record.h"

#include "engine/collection/collection.h"

static void
write_floats(struct json_writer *writer, const float *values, size_t count)
{
    json_array_begin(writer);
    for (size_t i = 0; i < count; i++)
        json_f32(writer, values[i]);
    json_array_end(writer);
}

static void
write_sparse(struct json_writer *writer, const struct named_vector *vector)
{
    json_object_begin(writer);
    json_key(writer, "indices");
    json_array_begin(writer);
    for (size_t i = 0; i < vector->dim; i++)
        json_u64(writer, vector->indices[i]);
    json_array_end(writer);
    json_key(writer, "values");
    write_floats(writer, vector->values, vector->dim);
    json_object_end(writer);
}

static void
write_vector(struct json_writer *writer, const struct named_vector *vector)
{
    switch (vector->kind) {
    case VECTOR_DENSE:
        write_floats(writer, vector->values, vector->dim);
        break;
    case VECTOR_SPARSE:
        write_sparse(writer, vector);
        break;
    case VECTOR_MULTI:
        json_array_begin(writer);
        for (size_t i = 0; i < vector->rows; i++)
            write_floats(writer, vector->values + i * vector->dim, vector->dim);
        json_array_end(writer);
        break;
    }
}

static void
write_vectors(struct json_writer *writer, const struct record *record)
{
    json_key(writer, "vector");
    if (record->vectors_count == 1 && record->vectors[0].name.size == 0) {
        write_vector(writer, &record->vectors[0]);
        return;
    }
    json_object_begin(writer);
    for (size_t i = 0; i < record->vectors_count; i++) {
        json_key_span(writer, record->vectors[i].name);
        write_vector(writer, &record->vectors[i]);
    }
    json_object_end(writer);
}

static void
write_order(struct json_writer *writer, const struct record *record)
{
    if (!record->has_order)
        return;
    json_key(writer, "order_value");
    if (record->order.is_integer)
        json_i64(writer, record->order.integer);
    else
        json_f64(writer, record->order.real);
}

static void
write_content(struct json_writer *writer, const struct record *record)
{
    if (record->has_payload) {
        json_key(writer, "payload");
        if (record->payload.size > 0)
            json_raw(writer, record->payload);
        else {
            json_object_begin(writer);
            json_object_end(writer);
        }
    }
    if (record->has_vectors)
        write_vectors(writer, record);
    write_order(writer, record);
}

void
rest_record_write(struct json_writer *writer, const struct record *record)
{
    json_object_begin(writer);
    json_key(writer, "id");
    point_id_write(writer, &record->id);
    write_content(writer, record);
    json_object_end(writer);
}

void
rest_scored_write(struct json_writer *writer, const struct record *record)
{
    json_object_begin(writer);
    json_key(writer, "id");
    point_id_write(writer, &record->id);
    json_key(writer, "version");
    json_u64(writer, record->version);
    json_key(writer, "score");
    json_f32(writer, record->score);
    write_content(writer, record);
    json_object_end(writer);
}

void
rest_scored_list(struct json_writer *writer, const struct records *records)
{
    json_array_begin(writer);
    for (size_t i = 0; i < records->count; i++)
        rest_scored_write(writer, &records->items[i]);
    json_array_end(writer);
}

/* Of one record: the least, its payload, one number of its vectors. */
#define RECORD_NS  500u
#define PAYLOAD_NS 5000u
#define NUMBER_NS  60u

uint64_t
rest_records_cost_ns(const struct collection *collection,
                     const struct output_selection *output, size_t count)
{
    uint64_t record_ns = RECORD_NS;
    if (output->payload.selection != SELECT_NONE)
        record_ns += PAYLOAD_NS;
    record_ns +=
        collection_selected_dims(collection, &output->vectors) * NUMBER_NS;
    return count > UINT64_MAX / record_ns ? UINT64_MAX : count * record_ns;
}
