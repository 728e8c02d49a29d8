/* SPDX-License-Identifier: Apache-2.0
 * Answers about points, written without JSON in between. */
#include "engine/api/grpc.h"
#include "engine/api/grpc_record.h"
#include "engine/api/rest.h"
#include "engine/codec/protobuf.h"

#include <assert.h>

/* The numbers of update.proto, read.proto and query.proto. */
enum {
    ANSWER_RESULT = 1,
    SCROLL_NEXT = 1,
    SCROLL_RESULT = 2,
    COUNT_COUNT = 1,
    UPDATE_OPERATION_ID = 1,
    UPDATE_STATUS = 2
};

static enum engine_code
update_write(struct call *call, const struct update *update,
             struct error *reterr)
{
    static const uint8_t numbers[] = {
        [UPDATE_ACKNOWLEDGED] = 1,
        [UPDATE_COMPLETED] = 2,
        [UPDATE_WAIT_TIMEOUT] = 4,
    };
    struct bytes *out = &call->reply->body;
    struct update_result result = { 0 };
    enum engine_code code = update_apply(call, update, &result, reterr);
    if (code != ENGINE_OK)
        return code;
    assert(result.status <= UPDATE_WAIT_TIMEOUT);
    size_t mark = protobuf_begin(out, ANSWER_RESULT);
    protobuf_put_u64(out, UPDATE_OPERATION_ID, result.operation_id);
    protobuf_put_u64(out, UPDATE_STATUS, numbers[result.status]);
    protobuf_end(out, mark);
    return ENGINE_OK;
}

enum engine_code
grpc_update_run(struct call *call, struct error *reterr)
{
    return update_write(call, call->command, reterr);
}

enum engine_code
grpc_update_batch_run(struct call *call, struct error *reterr)
{
    const struct update_batch *batch = call->command;
    enum engine_code code = ENGINE_OK;
    for (size_t i = 0; code == ENGINE_OK && i < batch->count; i++)
        code = update_write(call, &batch->updates[i], reterr);
    return code;
}

static enum engine_code
scored_write(struct call *call, const struct records *records,
             struct error *reterr)
{
    enum engine_code code = ENGINE_OK;
    for (size_t i = 0; code == ENGINE_OK && i < records->count; i++)
        code = grpc_scored_write(&records->items[i], ANSWER_RESULT,
                                 &call->reply->body, reterr);
    return code;
}

/* BatchResult { result 1 } */
static enum engine_code
batch_write(struct call *call, const struct records *records,
            struct error *reterr)
{
    size_t mark = protobuf_begin(&call->reply->body, ANSWER_RESULT);
    enum engine_code code = scored_write(call, records, reterr);
    protobuf_end(&call->reply->body, mark);
    return code;
}

enum engine_code
grpc_search_run(struct call *call, struct error *reterr)
{
    return query_each(call, scored_write, reterr);
}

enum engine_code
grpc_search_batch_run(struct call *call, struct error *reterr)
{
    return query_each(call, batch_write, reterr);
}

static enum engine_code
retrieved_write(struct call *call, const struct records *records,
                uint32_t number, struct error *reterr)
{
    enum engine_code code = ENGINE_OK;
    for (size_t i = 0; code == ENGINE_OK && i < records->count; i++)
        code = grpc_retrieved_write(&records->items[i], number,
                                    &call->reply->body, reterr);
    return code;
}

enum engine_code
grpc_get_run(struct call *call, struct error *reterr)
{
    struct records records = { 0 };
    enum engine_code code =
        collection_retrieve(call->collection, call->command,
                            &call->request->arena, &records, reterr);
    return code == ENGINE_OK
               ? retrieved_write(call, &records, ANSWER_RESULT, reterr)
               : code;
}

enum engine_code
grpc_scroll_run(struct call *call, struct error *reterr)
{
    struct records records = { 0 };
    enum engine_code code =
        collection_scroll(call->collection, call->command,
                          &call->request->arena, &records, reterr);
    if (code != ENGINE_OK)
        return code;
    if (records.has_next)
        grpc_id_write(&records.next_id, SCROLL_NEXT, &call->reply->body);
    return retrieved_write(call, &records, SCROLL_RESULT, reterr);
}

enum engine_code
grpc_count_run(struct call *call, struct error *reterr)
{
    uint64_t count = 0;
    struct bytes *out = &call->reply->body;
    enum engine_code code =
        collection_count(call->collection, call->command, &count, reterr);
    if (code != ENGINE_OK)
        return code;
    size_t mark = protobuf_begin(out, ANSWER_RESULT);
    protobuf_put_u64(out, COUNT_COUNT, count);
    protobuf_end(out, mark);
    return ENGINE_OK;
}
