/* SPDX-License-Identifier: Apache-2.0
 * /quotas: how much of memory and disk the node may fill. */
#include "engine/api/quota.h"
#include "engine/api/rest.h"
#include "engine/api/rest_body.h"

static void
write_limits(struct json_writer *writer, const struct quota_limits *limits)
{
    json_object_begin(writer);
    json_key(writer, "enabled");
    json_bool(writer, limits->is_enabled);
    json_key(writer, "max_resident_memory_percent");
    if (limits->memory_percent > 0)
        json_u64(writer, limits->memory_percent);
    else
        json_null(writer);
    json_key(writer, "max_disk_usage_percent");
    if (limits->disk_percent > 0)
        json_u64(writer, limits->disk_percent);
    else
        json_null(writer);
    json_key(writer, "release_margin_percent");
    json_u64(writer, limits->margin_percent);
    json_object_end(writer);
}

enum engine_code
quotas_read(struct call *call, struct error *reterr)
{
    struct json_writer *writer = &call->writer;
    struct quota_limits limits;
    struct quota_use use;
    (void)reterr;
    quota_get(call->api->quota, &limits);
    quota_look(call->api->quota, &use);
    json_object_begin(writer);
    json_key(writer, "config");
    write_limits(writer, &limits);
    json_key(writer, "usage");
    json_object_begin(writer);
    json_key(writer, "resident_memory_percent");
    json_u64(writer, use.memory_percent);
    json_key(writer, "disk_usage_percent");
    json_u64(writer, use.disk_percent);
    json_object_end(writer);
    json_object_end(writer);
    return ENGINE_OK;
}

static enum engine_code
read_percent(yyjson_val *body, const char *name, uint64_t least,
             uint64_t *ret_percent, struct error *reterr)
{
    enum engine_code code = rest_u64(body, name, ret_percent, reterr);
    bool is_there = rest_member(body, name) != NULL;
    if (code != ENGINE_OK || !is_there ||
        (*ret_percent >= least && *ret_percent <= 100))
        return code;
    return error_set(reterr, ENGINE_EVALID,
                     "[%s: value %llu invalid, must be from %llu to 100]", name,
                     (unsigned long long)*ret_percent,
                     (unsigned long long)least);
}

static enum engine_code
check_names(yyjson_val *body, struct error *reterr)
{
    static const char *const names[] = { "enabled",
                                         "max_resident_memory_percent",
                                         "max_disk_usage_percent",
                                         "release_margin_percent" };
    size_t index, max;
    yyjson_val *key, *value;
    yyjson_obj_foreach(body, index, max, key, value)
    {
        bool is_known = false;
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
            is_known = is_known || yyjson_equals_str(key, names[i]);
        if (!is_known)
            return error_set(reterr, ENGINE_EFORMAT,
                             "unknown field `%.64s`, expected one of "
                             "`enabled`, `max_resident_memory_percent`, "
                             "`max_disk_usage_percent`, "
                             "`release_margin_percent`",
                             yyjson_get_str(key));
    }
    return ENGINE_OK;
}

enum engine_code
quotas_change(struct call *call, struct error *reterr)
{
    struct quota_limits limits = { .margin_percent = QUOTA_MARGIN_PERCENT };
    yyjson_val *body = call->body;
    enum engine_code code = check_names(body, reterr);
    if (code == ENGINE_OK)
        code = rest_bool(body, "enabled", &limits.is_enabled, reterr);
    if (code == ENGINE_OK)
        code = read_percent(body, "max_resident_memory_percent", 1,
                            &limits.memory_percent, reterr);
    if (code == ENGINE_OK)
        code = read_percent(body, "max_disk_usage_percent", 1,
                            &limits.disk_percent, reterr);
    if (code == ENGINE_OK)
        code = read_percent(body, "release_margin_percent", 0,
                            &limits.margin_percent, reterr);
    if (code == ENGINE_OK)
        code = quota_set(call->api->quota, &limits, reterr);
    if (code == ENGINE_OK)
        json_bool(&call->writer, true);
    return code;
}
