/* SPDX-License-Identifier: Apache-2.0
 * The door of api: what wire calls. start() routes, admits, parses
 * small bodies and answers what is cheap; the rest is done by finish() on the
 * executor. A call passes these steps once, in this order, on either thread:
 *   query -> body -> parse -> collection -> (is_long) -> run -> envelope */
#include "engine/api/api.h"

#include "base/budget.h"
#include "base/memory.h"
#include "engine/api/call.h"
#include "engine/api/explain.h"
#include "engine/api/grpc.h"
#include "engine/api/grpc_schema.h"
#include "engine/api/issues.h"
#include "engine/api/part.h"
#include "engine/api/quota.h"
#include "engine/api/recall.h"
#include "engine/api/rest.h"
#include "engine/api/rest_collections.h"
#include "engine/api/static_files.h"
#include "engine/collection/strict.h"
#include "engine/log.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

static const char *const method_names[] = {
    [REQUEST_GET] = "GET",         [REQUEST_HEAD] = "HEAD",
    [REQUEST_PUT] = "PUT",         [REQUEST_POST] = "POST",
    [REQUEST_PATCH] = "PATCH",     [REQUEST_DELETE] = "DELETE",
    [REQUEST_OPTIONS] = "OPTIONS", [REQUEST_OTHER] = "OTHER",
};

static uint64_t
audit_period(const struct server_config *config)
{
    if (config->audit_rotation == NULL)
        return 0;
    return strcmp(config->audit_rotation, "hourly") == 0 ? 3600 : 86400;
}

static enum engine_code
api_open_files(struct api *api, struct error *reterr)
{
    const struct server_config *config = api->options.config;
    const struct quota_limits quotas = {
        .is_enabled = config->has_quotas,
        .memory_percent = config->quota_memory_percent,
        .disk_percent = config->quota_disk_percent,
        .margin_percent = config->quota_margin_percent,
    };
    enum engine_code code = api_check_defaults(config, reterr);
    if (code == ENGINE_OK)
        code = access_open(config, &api->access, reterr);
    if (code == ENGINE_OK)
        code = quota_open(config->storage_path, &quotas,
                          config->memory_limit_mb << 20, &api->quota, reterr);
    if (code == ENGINE_OK && config->audit_log != NULL)
        code = audit_open(
            &(struct audit_options){
                .path = config->audit_log,
                .size_max = config->audit_size_max_mb << 20,
                .period_s = audit_period(config),
                .files_max = (unsigned)config->audit_files_max },
            &api->audit, reterr);
    return code;
}

enum engine_code
api_check_defaults(const struct server_config *config, struct error *reterr)
{
    return rest_defaults_check(config, reterr);
}

/* Which process it is, and since when. */
static void
name_process(struct api *api)
{
    struct timespec now;
    uuid_make(api->process_id);
    clock_gettime(CLOCK_MONOTONIC, &now);
    api->start_s = (uint64_t)now.tv_sec;
    clock_gettime(CLOCK_REALTIME, &now);
    timestamp_seconds(now.tv_sec, api->startup);
}

enum engine_code
api_open(const struct api_options *options, struct api **ret_api,
         struct error *reterr)
{
    struct api *api = calloc(1, sizeof(*api));
    if (api == NULL)
        return error_memory(reterr);
    api->options = *options;
    api->static_fd = -1;
    name_process(api);
    api_count_routes(api);
    if (options->config->has_static_content)
        api->static_fd = static_open(options->config->static_content_dir);
    api->issues = issues_new();
    enum engine_code code = api->issues == NULL ? error_memory(reterr)
                                                : api_open_files(api, reterr);
    if (code == ENGINE_OK)
        code = grpc_schema_open(&api->schema, reterr);
    if (code == ENGINE_OK && options->config->recall_permille > 0)
        code = recall_open(api, &api->recall, reterr);
    if (code != ENGINE_OK) {
        api_close(api);
        return code;
    }
    *ret_api = api;
    return ENGINE_OK;
}

void
api_close(struct api *api)
{
    if (api == NULL)
        return;
    recall_close(api->recall);
    if (api->static_fd >= 0)
        close(api->static_fd);
    access_close(api->access);
    quota_close(api->quota);
    audit_close(api->audit);
    issues_free(api->issues);
    grpc_schema_free(api->schema);
    free(api);
}

void
api_set_ready(struct api *api, bool is_ready)
{
    atomic_store(&api->is_ready, is_ready);
}

void
api_reopen_audit(struct api *api)
{
    audit_reopen(api->audit);
}

const char *
api_method_name(enum request_method method)
{
    return method_names[method];
}

const char *
call_method(const struct call *call)
{
    return method_names[call->request->method];
}

static const struct route *
route_find(struct call *call)
{
    enum request_method method = call->request->method == REQUEST_HEAD
                                     ? REQUEST_GET
                                     : call->request->method;
    for (size_t i = 0; i < api_routes_count; i++) {
        if (api_routes[i].method == method &&
            url_path_match(&call->path, api_routes[i].pattern, call->params,
                           CALL_PARAMS_MAX))
            return &api_routes[i];
    }
    return NULL;
}

/* A compressed body would only fail as bad JSON. */
static enum engine_code
call_encoding(const struct call *call, struct error *reterr)
{
    const char *encoding =
        call->request->header(call->request, "content-encoding");
    if ((call->route->flags & ROUTE_BODY) == 0 || encoding == NULL ||
        strcasecmp(encoding, "identity") == 0)
        return ENGINE_OK;
    return error_set(reterr, ENGINE_EUNSUPPORTED,
                     "Content-Encoding `%.64s` is not supported yet", encoding);
}

/* For the audit log: the name may mean another collection tomorrow. Without
 * memory for it the log has the name alone. */
static void
note_alias(struct call *call)
{
    struct span name = collection_name(call->collection);
    if (call->api->audit == NULL || span_equal(name, call->params[0]))
        return;
    call->alias_of.data =
        arena_strndup(&call->request->arena, name.data, name.size);
    call->alias_of.size = call->alias_of.data == NULL ? 0 : name.size;
}

/* Looks up the collection, when the route names one, and keeps it. */
static enum engine_code
call_enter(struct call *call, struct error *reterr)
{
    assert(call->collection == NULL);
    if ((call->route->flags & ROUTE_COLLECTION) == 0)
        return ENGINE_OK;
    enum engine_code code =
        registry_acquire(call->api->options.registry, call->params[0],
                         &call->collection, reterr);
    if (code == ENGINE_OK)
        note_alias(call);
    if (code == ENGINE_OK && call->query.timeout_s > 0)
        code = collection_check_timeout(call->collection, call->query.timeout_s,
                                        reterr);
    return code;
}

/* A deletion waits for those who keep the collection, on an executor thread: a
 * call must not keep it while it waits for such a thread or for its client. */
static void
call_leave(struct call *call)
{
    if (call->collection != NULL)
        registry_release(call->api->options.registry, call->collection);
    call->collection = NULL;
}

/* A parsed body takes about so many times its bytes: 16 per value, a number
 * of a vector being about 9 characters. */
#define DOC_SIZE_FACTOR 3

enum engine_code
call_take_memory(struct call *call, size_t size, struct error *reterr)
{
    uint64_t used = 0;
    assert(call->doc_size == 0);
    if (call->request->body.size <= API_INLINE_BODY_SIZE_MAX)
        return ENGINE_OK;
    if ((call->route->flags & ROUTE_GROWS) != 0 &&
        !memory_may_work(size, &used))
        return error_memory_limit(reterr, "the update", size, used,
                                  memory_limit());
    if (!budget_take(&budget_requests, size))
        return error_memory_busy(reterr,
                                 atomic_load(&budget_requests.limit_size));
    call->doc_size = size;
    return ENGINE_OK;
}

enum engine_code
call_read_body(struct call *call, struct error *reterr)
{
    struct span body = call->request->body;
    enum engine_code code =
        call_take_memory(call, body.size * DOC_SIZE_FACTOR, reterr);
    if (code == ENGINE_OK)
        code = json_parse(body, &call->doc, reterr);
    if (code != ENGINE_OK)
        return code;
    call->body = yyjson_doc_get_root(call->doc);
    if (yyjson_is_obj(call->body))
        return ENGINE_OK;
    return error_set(reterr, ENGINE_EFORMAT,
                     "invalid type: %s, expected an object at line 1 column 1",
                     yyjson_get_type_desc(call->body));
}

/* Everything up to knowing how long it takes. */
static enum engine_code
call_prepare(struct call *call, struct error *reterr)
{
    const struct route *route = call->route;
    enum engine_code code = ENGINE_OK;
    if (call->grpc == NULL)
        code = url_query_parse(call->request->query, &call->request->arena,
                               &call->query, reterr);
    /* How a search went tells of all points. */
    if (code == ENGINE_OK && call->query.explain)
        code = part_refuse(call, reterr);
    if (code != ENGINE_OK)
        return code;
    if ((route->flags & ROUTE_GROWS) != 0) {
        code = quota_check(call->api->quota, reterr);
        if (code != ENGINE_OK)
            return code;
        arena_ask_memory(&call->request->arena);
        arena_ask_memory(&call->scanned);
    }
    if (call->grpc != NULL) {
        code = grpc_prepare(call, reterr);
        return code == ENGINE_OK ? call_enter(call, reterr) : code;
    }
    if ((route->flags & (ROUTE_BODY | ROUTE_OWN_BODY)) == ROUTE_BODY)
        code = call_read_body(call, reterr);
    if (code == ENGINE_OK && route->parse != NULL)
        code = route->parse(call, reterr);
    return code == ENGINE_OK ? call_enter(call, reterr) : code;
}

/* It goes on: there is no result. */
static enum engine_code
answer_accepted(struct call *call)
{
    struct bytes *body = &call->reply->body;
    bytes_release(body);
    json_writer_init(&call->writer, body);
    call->reply->status = 202;
    json_object_begin(&call->writer);
    json_key(&call->writer, "status");
    json_text(&call->writer, "accepted");
    json_key(&call->writer, "time");
    json_f64(&call->writer, call_seconds(call));
    json_object_end(&call->writer);
    return ENGINE_OK;
}

static enum engine_code
call_run(struct call *call, struct error *reterr)
{
    const struct route *route = call->route;
    bool is_raw = (route->flags & ROUTE_RAW) != 0;
    struct bytes *body = &call->reply->body;
    if (call->grpc != NULL)
        return grpc_run(call, reterr);
    json_writer_init(&call->writer, body);
    if (!is_raw) {
        call->reply->content_type = "application/json";
        json_object_begin(&call->writer);
        json_key(&call->writer, "result");
    }
    enum engine_code code = route->run(call, reterr);
    if (code != ENGINE_OK || is_raw)
        return code;
    if (call->is_accepted)
        return answer_accepted(call);
    explain_write(call);
    json_key(&call->writer, "status");
    json_text(&call->writer, "ok");
    json_key(&call->writer, "time");
    json_f64(&call->writer, call_seconds(call));
    json_object_end(&call->writer);
    if (bytes_failed(body))
        return error_set(reterr, ENGINE_EREQUEST,
                         "the answer is larger than %zu bytes: ask for fewer "
                         "points at once",
                         REPLY_BODY_SIZE_MAX);
    return ENGINE_OK;
}

/* The last step of every call. */
static void
call_end(struct call *call, enum engine_code code, struct error *error)
{
    struct api *api = call->api;
    double seconds = call_seconds(call);
    bool is_checked = code == ENGINE_EFORMAT || code == ENGINE_EQUERY ||
                      code == ENGINE_EVALID || code == ENGINE_EVALIDPATH ||
                      code == ENGINE_EVALIDQUERY;
    if (code == ENGINE_ENOMEM && arena_over_limit(&call->request->arena))
        code = error_memory_limit(error, "the request",
                                  call->request->arena.used_size,
                                  memory_look().resident_size, memory_limit());
    else if (code == ENGINE_ENOMEM && arena_over_budget(&call->request->arena))
        code =
            error_memory_busy(error, atomic_load(&budget_requests.limit_size));
    if (code != ENGINE_OK)
        status_error(call->reply, error, is_checked ? 0.0 : seconds);
    call_count(call, seconds);
    call_leave(call);
    if (!call->request->is_grpc)
        access_cors(api->options.config, call->request, call->reply);
    explain_log_slow(call, seconds);
    call_audit(call);
    /* At debug level only: the path may name what people store. */
    if (log_wants(LOG_LEVEL_DEBUG))
        log_event(LOG_LEVEL_DEBUG, "%s %.*s %d %.3f ms", call_method(call),
                  (int)call->request->path.size, call->request->path.data,
                  call->reply->status, seconds * 1e3);
    if (code == ENGINE_OK && call->reply->status == 200)
        recall_offer(api->recall, call,
                     call->request->start_ns + (uint64_t)(seconds * 1e9));
}

/* Reads of a busy collection wait on the executor, where they hold up nobody
 * else: the loop also answers the other collections and the health checks. */
static bool
call_is_long(struct call *call)
{
    if (call->collection != NULL && collection_is_busy(call->collection))
        return true;
    return call->route->is_long != NULL && call->route->is_long(call);
}

/* Answers what no route takes: a file, a question of CORS, or nothing. */
static void
call_unrouted(struct call *call, bool is_path)
{
    struct error error;
    const struct request *request = call->request;
    bool is_preflight = request->method == REQUEST_OPTIONS &&
                        call->api->options.config->has_cors;
    if (request->is_grpc) {
        error_set(&error, ENGINE_EUNSUPPORTED, "there is no method `%.*s`",
                  request->path.size < 256 ? (int)request->path.size : 256,
                  request->path.data);
        call_end(call, error.code, &error);
        return;
    }
    if (is_preflight)
        call->reply->status = 200;
    else if (!is_path || !static_serve(call))
        call->reply->status = 404;
    call_end(call, ENGINE_OK, NULL);
}

static bool
call_find_route(struct call *call)
{
    struct request *request = call->request;
    if (request->is_grpc)
        return grpc_find(call);
    bool is_path = url_path_parse(request->path, &request->arena, &call->path);
    if (is_path)
        call->route = route_find(call);
    return is_path;
}

static enum handler_step
call_route(struct call *call)
{
    struct error error = { .text = "" };
    struct request *request = call->request;
    bool is_path = call_find_route(call);
    if (call->route == NULL) {
        call_unrouted(call, is_path);
        return HANDLER_DONE;
    }
    if (call_is_refused(call)) {
        call_end(call, ENGINE_OK, NULL);
        return HANDLER_DONE;
    }
    enum engine_code code =
        request->is_grpc ? ENGINE_OK : call_encoding(call, &error);
    if (code != ENGINE_OK) {
        call_end(call, code, &error);
        return HANDLER_DONE;
    }
    if ((call->route->flags & ROUTE_LONG) != 0 ||
        request->body.size > API_INLINE_BODY_SIZE_MAX || call_wants_point(call))
        return HANDLER_DEFER;
    code = call_prepare(call, &error);
    bool is_long = code == ENGINE_OK && call_is_long(call);
    call->is_prepared = true;
    if (is_long) {
        call_leave(call);
        return HANDLER_DEFER;
    }
    if (code == ENGINE_OK)
        code = call_run(call, &error);
    call_end(call, code, &error);
    return HANDLER_DONE;
}

/* NULL: no memory, which is answered. */
static struct call *
call_new(struct api *api, struct request *request, struct reply *reply)
{
    struct call *call = arena_calloc(&request->arena, 1, sizeof(*call));
    if (call == NULL) {
        struct error error;
        error_memory(&error);
        status_error(reply, &error, 0.0);
        return NULL;
    }
    call->api = api;
    call->request = request;
    call->reply = reply;
    arena_init(&call->scanned, request->arena.cap_size);
    if (request->arena.budget != NULL)
        arena_bind(&call->scanned, request->arena.budget);
    request->call = call;
    return call;
}

static const struct span upload_ending = { "/snapshots/upload", 17 };

/* The rest of begin(). */
static enum handler_body
upload_place(struct call *call, enum engine_code code, struct error *error,
             uint64_t *ret_size_max)
{
    struct request *request = call->request;
    struct snapshots *snapshots = call->api->options.snapshots;
    if (code == ENGINE_OK)
        code = snapshots_upload_begin(call, error);
    if (code == ENGINE_OK)
        code = snapshots_make_file(snapshots, &request->body_file, error);
    if (code != ENGINE_OK) {
        call_end(call, code, error);
        return HANDLER_BODY_REFUSED;
    }
    request->has_body_file = true;
    *ret_size_max = snapshots_file_size_max(snapshots);
    return HANDLER_BODY_FILE;
}

/* Who may not upload is told before the body comes. */
static enum handler_body
api_begin(void *ctx, struct request *request, struct reply *reply,
          uint64_t *ret_size_max)
{
    struct api *api = ctx;
    struct error error = { .text = "" };
    struct span path = request->path;
    size_t size = upload_ending.size;
    if (request->method != REQUEST_POST || path.size < size ||
        memcmp(path.data + path.size - size, upload_ending.data, size) != 0)
        return HANDLER_BODY_MEMORY;
    struct call *call = call_new(api, request, reply);
    if (call == NULL)
        return HANDLER_BODY_REFUSED;
    (void)call_find_route(call);
    if (call->route == NULL || (call->route->flags & ROUTE_UPLOAD) == 0)
        return HANDLER_BODY_MEMORY;
    if (call_is_refused(call)) {
        call_end(call, ENGINE_OK, NULL);
        return HANDLER_BODY_REFUSED;
    }
    return call_wants_point(call)
               ? HANDLER_BODY_LATER
               : upload_place(call, ENGINE_OK, &error, ret_size_max);
}

/* The point that a token wants is looked up before the body, and once more when
 * all of it is there. */
static enum handler_body
api_admit(void *ctx, struct request *request, struct reply *reply,
          uint64_t *ret_size_max)
{
    (void)ctx;
    (void)reply;
    struct error error = { .text = "" };
    struct call *call = request->call;
    assert(call != NULL && call_wants_point(call));
    enum engine_code code = call_check_point(call, &error);
    return upload_place(call, code, &error, ret_size_max);
}

static enum handler_step
api_start(void *ctx, struct request *request, struct reply *reply)
{
    struct call *call = request->call;
    if (request->has_body_file)
        return HANDLER_DEFER; /* found and admitted */
    if (call == NULL)
        call = call_new(ctx, request, reply);
    return call == NULL ? HANDLER_DONE : call_route(call);
}

static void
api_finish(void *ctx, struct request *request, struct reply *reply)
{
    (void)ctx;
    (void)reply;
    struct call *call = request->call;
    struct error error = { .text = "" };
    assert(call != NULL && call->route != NULL);
    enum engine_code code = call_check_point(call, &error);
    if (code == ENGINE_OK)
        code = call->is_prepared ? call_enter(call, &error)
                                 : call_prepare(call, &error);
    if (code == ENGINE_OK)
        code = call_run(call, &error);
    call_end(call, code, &error);
}

void
call_drop(struct call *call)
{
    call_leave(call);
    access_release(&call->caller);
    arena_release(&call->scanned);
    if (call->doc != NULL)
        yyjson_doc_free(call->doc);
    call->doc = NULL;
    if (call->doc_size > 0) {
        budget_give(&budget_requests, call->doc_size);
        call->doc_size = 0;
        memory_settle();
    }
}

bool
call_again(struct api *api, struct request *request, struct reply *reply,
           struct call *ret_call)
{
    *ret_call = (struct call){ .api = api, .request = request, .reply = reply };
    arena_init(&ret_call->scanned, request->arena.cap_size);
    if (request->arena.budget != NULL)
        arena_bind(&ret_call->scanned, request->arena.budget);
    return call_find_route(ret_call) && ret_call->route != NULL &&
           call_prepare(ret_call, NULL) == ENGINE_OK;
}

static void
api_release(void *ctx, struct request *request)
{
    (void)ctx;
    if (request->call == NULL)
        return;
    call_drop(request->call);
    request->call = NULL;
}

struct handler
api_handler(struct api *api)
{
    return (struct handler){ .ctx = api,
                             .begin = api_begin,
                             .admit = api_admit,
                             .start = api_start,
                             .finish = api_finish,
                             .release = api_release,
                             .refuse = api_refuse };
}
