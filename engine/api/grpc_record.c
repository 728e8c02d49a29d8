/* SPDX-License-Identifier: Apache-2.0
 * Records -> RetrievedPoint and ScoredPoint. Vectors are written in the form of
 * 1.16 and later, which every client reads. */
#include "engine/api/grpc_record.h"

#include "engine/api/grpc_json.h"
#include "engine/codec/protobuf.h"

/* The numbers of vector.proto and query.proto. */
enum {
    ID_NUM = 1,
    ID_UUID = 2,
    VECTORS_ONE = 1,
    VECTORS_NAMED = 2,
    NAMED_ENTRY = 1,
    ENTRY_KEY = 1,
    ENTRY_VALUE = 2,
    FORM_DENSE = 101,
    FORM_SPARSE = 102,
    FORM_MULTI = 103,
    DENSE_DATA = 1,
    SPARSE_VALUES = 1,
    SPARSE_INDICES = 2,
    MULTI_VECTORS = 1,
    POINT_ID = 1,
    POINT_PAYLOAD = 2,
    RETRIEVED_VECTORS = 4,
    RETRIEVED_ORDER = 6,
    SCORED_SCORE = 3,
    SCORED_VERSION = 5,
    SCORED_VECTORS = 6,
    SCORED_ORDER = 8,
    ORDER_INT = 1,
    ORDER_FLOAT = 2
};

void
grpc_id_write(const struct point_id *id, uint32_t number, struct bytes *out)
{
    size_t mark = protobuf_begin(out, number);
    if (id->is_uuid) {
        char text[POINT_ID_TEXT_SIZE];
        point_id_text(id, text);
        protobuf_put_text(out, ID_UUID, text);
    } else {
        protobuf_put_u64(out, ID_NUM, id->number);
    }
    protobuf_end(out, mark);
}

static void
vector_write(const struct named_vector *vector, uint32_t number,
             struct bytes *out)
{
    static const uint32_t forms[] = { [VECTOR_DENSE] = FORM_DENSE,
                                      [VECTOR_SPARSE] = FORM_SPARSE,
                                      [VECTOR_MULTI] = FORM_MULTI };
    size_t mark = protobuf_begin(out, number);
    size_t form = protobuf_begin(out, forms[vector->kind]);
    switch (vector->kind) {
    case VECTOR_DENSE:
        protobuf_put_floats(out, DENSE_DATA, vector->values, vector->dim);
        break;
    case VECTOR_SPARSE:
        protobuf_put_floats(out, SPARSE_VALUES, vector->values, vector->dim);
        protobuf_put_u32s(out, SPARSE_INDICES, vector->indices, vector->dim);
        break;
    case VECTOR_MULTI:
        for (size_t i = 0; i < vector->rows; i++) {
            size_t row = protobuf_begin(out, MULTI_VECTORS);
            protobuf_put_floats(out, DENSE_DATA,
                                vector->values + i * vector->dim, vector->dim);
            protobuf_end(out, row);
        }
        break;
    }
    protobuf_end(out, form);
    protobuf_end(out, mark);
}

/* As in REST: exactly the unnamed vector is shown alone, others as a map. */
static void
vectors_write(const struct record *record, uint32_t number, struct bytes *out)
{
    size_t mark = protobuf_begin(out, number);
    if (record->vectors_count == 1 && record->vectors[0].name.size == 0) {
        vector_write(&record->vectors[0], VECTORS_ONE, out);
        protobuf_end(out, mark);
        return;
    }
    size_t named = protobuf_begin(out, VECTORS_NAMED);
    for (size_t i = 0; i < record->vectors_count; i++) {
        size_t entry = protobuf_begin(out, NAMED_ENTRY);
        protobuf_put_bytes(out, ENTRY_KEY, record->vectors[i].name);
        vector_write(&record->vectors[i], ENTRY_VALUE, out);
        protobuf_end(out, entry);
    }
    protobuf_end(out, named);
    protobuf_end(out, mark);
}

static enum engine_code
payload_write(struct span payload, struct bytes *out, struct error *reterr)
{
    yyjson_doc *doc = NULL;
    if (grpc_payload_text(payload, POINT_PAYLOAD, out) || bytes_failed(out))
        return ENGINE_OK; /* a failure is seen when the answer is complete */
    enum engine_code code = json_parse(payload, &doc, reterr);
    if (code != ENGINE_OK)
        return code == ENGINE_ENOMEM
                   ? code
                   : error_set(reterr, ENGINE_EINTERNAL,
                               "a stored payload is not JSON");
    grpc_payload_write(yyjson_doc_get_root(doc), POINT_PAYLOAD, out);
    yyjson_doc_free(doc);
    return ENGINE_OK;
}

static enum engine_code
content_write(const struct record *record, uint32_t vectors_number,
              struct bytes *out, struct error *reterr)
{
    grpc_id_write(&record->id, POINT_ID, out);
    if (record->has_payload && record->payload.size > 0) {
        enum engine_code code = payload_write(record->payload, out, reterr);
        if (code != ENGINE_OK)
            return code;
    }
    if (record->has_vectors)
        vectors_write(record, vectors_number, out);
    return ENGINE_OK;
}

static void
order_write(const struct record *record, uint32_t number, struct bytes *out)
{
    if (!record->has_order)
        return;
    size_t mark = protobuf_begin(out, number);
    if (record->order.is_integer)
        protobuf_put_u64(out, ORDER_INT, (uint64_t)record->order.integer);
    else
        protobuf_put_double(out, ORDER_FLOAT, record->order.real);
    protobuf_end(out, mark);
}

enum engine_code
grpc_retrieved_write(const struct record *record, uint32_t number,
                     struct bytes *out, struct error *reterr)
{
    size_t mark = protobuf_begin(out, number);
    enum engine_code code =
        content_write(record, RETRIEVED_VECTORS, out, reterr);
    order_write(record, RETRIEVED_ORDER, out);
    protobuf_end(out, mark);
    return code;
}

enum engine_code
grpc_scored_write(const struct record *record, uint32_t number,
                  struct bytes *out, struct error *reterr)
{
    size_t mark = protobuf_begin(out, number);
    enum engine_code code = content_write(record, SCORED_VECTORS, out, reterr);
    protobuf_put_float(out, SCORED_SCORE, record->score);
    protobuf_put_u64(out, SCORED_VERSION, record->version);
    order_write(record, SCORED_ORDER, out);
    protobuf_end(out, mark);
    return code;
}
