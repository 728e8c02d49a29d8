/* SPDX-License-Identifier: Apache-2.0
 * Groups of points -> GroupsResult, straight from the records. */
#include "engine/api/grpc.h"
#include "engine/api/grpc_record.h"
#include "engine/api/rest_groups.h"
#include "engine/codec/protobuf.h"

/* The numbers of query.proto. */
enum {
    ANSWER_RESULT = 1,
    RESULT_GROUPS = 1,
    GROUP_ID = 1,
    GROUP_HITS = 2,
    GROUP_LOOKUP = 3,
    KEY_UNSIGNED = 1,
    KEY_INTEGER = 2,
    KEY_STRING = 3
};

static void
key_write(const struct group_key *key, struct bytes *out)
{
    size_t mark = protobuf_begin(out, GROUP_ID);
    if (key->is_string)
        protobuf_put_bytes(out, KEY_STRING, key->string);
    else
        protobuf_put_u64(out, key->is_negative ? KEY_INTEGER : KEY_UNSIGNED,
                         key->number);
    protobuf_end(out, mark);
}

static enum engine_code
group_write(const struct group *group, struct bytes *out, struct error *reterr)
{
    size_t mark = protobuf_begin(out, RESULT_GROUPS);
    enum engine_code code = ENGINE_OK;
    key_write(&group->key, out);
    for (size_t i = 0; code == ENGINE_OK && i < group->hits_count; i++)
        code = grpc_scored_write(&group->hits[i], GROUP_HITS, out, reterr);
    if (code == ENGINE_OK && group->lookup != NULL)
        code = grpc_retrieved_write(group->lookup, GROUP_LOOKUP, out, reterr);
    protobuf_end(out, mark);
    return code;
}

enum engine_code
grpc_groups_run(struct call *call, struct error *reterr)
{
    struct groups groups = { 0 };
    enum engine_code code = groups_find(call, &groups, reterr);
    size_t mark = protobuf_begin(&call->reply->body, ANSWER_RESULT);
    for (size_t i = 0; code == ENGINE_OK && i < groups.count; i++)
        code = group_write(&groups.items[i], &call->reply->body, reterr);
    protobuf_end(&call->reply->body, mark);
    return code;
}
