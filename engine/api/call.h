/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_API_CALL_H
#define ENGINE_API_CALL_H

#include "engine/api/access.h"
#include "engine/api/api.h"
#include "engine/api/audit.h"
#include "engine/api/url.h"
#include "engine/codec/hex.h"
#include "engine/codec/json_read.h"
#include "engine/codec/json_write.h"
#include "engine/codec/timestamp.h"
#include "engine/collection/collection.h"

#include <stdatomic.h>

/* One request inside api: what the router found, what was parsed, and where
 * the answer goes. Lives in the request's arena. */

#define CALL_PARAMS_MAX 3

struct call;

enum route_flags {
    ROUTE_OPEN = 1 << 0,       /* nobody is asked who he is */
    ROUTE_BODY = 1 << 1,       /* a JSON body is needed */
    ROUTE_COLLECTION = 1 << 2, /* params[0] names an existing collection */
    ROUTE_LONG = 1 << 3,       /* always on the executor */
    ROUTE_RAW = 1 << 4,        /* run() makes the whole reply: no envelope */
    ROUTE_GROWS = 1 << 5,      /* refused at the memory limit and by quotas */
    ROUTE_SEARCH = 1 << 7,     /* counts among the searches of the metrics */
    ROUTE_UPLOAD = 1 << 8,     /* the body goes into a file */
    ROUTE_PART = 1 << 9,       /* for those, too, who see a part of the
                                  collection (part.h) */
    ROUTE_OWN_BODY = 1 << 6    /* with ROUTE_BODY: parse() may do without a
                                  document, else it calls call_read_body() */
};

/* parse() turns the body into call->command, before the collection is looked
 * up; is_long() decides about the executor, after it; run() does the work and
 * writes the result's JSON. parse and is_long may be NULL. */
struct route {
    enum request_method method;
    const char *pattern; /* {x} matches one segment; also the metrics label */
    enum right right;    /* that the caller needs */
    unsigned flags;
    enum engine_code (*parse)(struct call *call, struct error *reterr);
    bool (*is_long)(struct call *call);
    enum engine_code (*run)(struct call *call, struct error *reterr);
};

/* The table and its length (routes.c). */
extern const struct route api_routes[];
extern const size_t api_routes_count;

struct grpc_schema;
struct quota;
struct issues;
struct segment_report;
struct grpc_method;
struct recall;

struct api {
    struct api_options options;
    struct grpc_schema *schema;
    atomic_bool is_ready;
    unsigned first_route;  /* of the endpoints in the metrics; routes.c */
    unsigned first_method; /* likewise; grpc_methods.c */
    unsigned other_route, other_method;
    int static_fd; /* the directory of static files, or -1 */
    uint64_t start_s;
    char startup[TIMESTAMP_SIZE];
    char process_id[UUID_STRING_SIZE]; /* another for each start */
    struct access *access;
    struct quota *quota;
    struct audit *audit;   /* NULL: off */
    struct recall *recall; /* NULL: off */
    struct issues *issues;
};

/* Names of other collections that the audit log tells. */
#define CALL_LOOKUPS_MAX 8

struct call {
    struct api *api;
    struct request *request;
    struct reply *reply;
    const struct route *route;
    const struct grpc_method *grpc; /* NULL: REST */
    struct caller caller;
    const struct filter *part; /* of the collection, that the caller may see
                                  (part.h); NULL: all */
    bool is_denied;            /* for want of a key, an identity or a right */
    struct span params[CALL_PARAMS_MAX]; /* decoded */
    struct url_path path;
    struct url_query query;
    struct arena scanned; /* what parse() took from the body's bytes */
    yyjson_doc *doc;
    size_t doc_size; /* taken from budget_requests for it */
    yyjson_val *body;
    void *command;
    struct collection *collection;
    struct span alias_of; /* its own name, when the path has another */
    bool is_accepted;     /* answered 202: nobody waits for what was begun */
    struct span lookups[CALL_LOOKUPS_MAX]; /* other collections that are read */
    size_t lookups_count;                  /* of more the first are kept */
    bool is_prepared; /* parsed, and the collection looked up, on the loop */
    struct json_writer writer;
    struct segment_report *reports; /* of its searches; explain.h */
    size_t reports_count;
};

/* Admission (admission.c): answers 401 or 403 without looking at the body, or
 * fills call->caller, who has the route's right. */
bool call_is_refused(struct call *call);

/* Whether the caller's token is good only while a point is there: then the call
 * runs on the executor, and call_check_point() is asked first.
 * ENGINE_EUNKNOWN    there is no such point (401)
 * ENGINE_EFORBIDDEN  there is no such collection */
bool call_wants_point(const struct call *call);
enum engine_code call_check_point(struct call *call, struct error *reterr)
    __attribute__((warn_unused_result));

/* The collection in a route's path, whether or not it exists; else NULL. */
const struct span *call_collection_name(const struct call *call);

/* Whether the caller may know of this collection; whether he may read all of
 * it. */
bool call_may_read(const struct call *call, struct span collection);
bool call_may_read_all(const struct call *call, struct span collection);

/* The audit log's line about a finished call. */
void call_audit(const struct call *call);

/* Parses the body into call->body, an object. Its errors end the request. */
enum engine_code call_read_body(struct call *call, struct error *reterr)
    __attribute__((warn_unused_result));

/* Takes the memory for a document of that size, which goes back at the end of
 * the call; a small one takes nothing.
 * ENGINE_ENOMEM, ENGINE_EUNAVAILABLE  it is not there: named. */
enum engine_code call_take_memory(struct call *call, size_t size,
                                  struct error *reterr)
    __attribute__((warn_unused_result));

/* A gRPC call in the place of a REST one (grpc.c): finds the method and its
 * route, and what the message says. */
bool grpc_find(struct call *call);
enum engine_code grpc_prepare(struct call *call, struct error *reterr)
    __attribute__((warn_unused_result));
enum engine_code grpc_run(struct call *call, struct error *reterr)
    __attribute__((warn_unused_result));

/* Clients look at it. */
#define SERVICE_TITLE "qdrant - vector search engine"

/* counting.c: the metrics' endpoints for all routes and methods, and one
 * answered call, which still has its collection: that is forgotten once nobody
 * has it any more. */
void api_count_routes(struct api *api);
void call_count(const struct call *call, double seconds);

/* Reads a request that was kept once more, up to its command and collection,
 * for the one who runs it; true if it came so far. In any case call_drop(). */
bool call_again(struct api *api, struct request *request, struct reply *reply,
                struct call *ret_call);

/* Gives back what a call holds besides its request. */
void call_drop(struct call *call);

/* "GET" ... */
const char *api_method_name(enum request_method method);
const char *call_method(const struct call *call);

/* Seconds since the request was complete, for the envelope. */
double call_seconds(const struct call *call);

/* The deadline of a read (CLOCK_MONOTONIC ms): its timeout or API_TIMEOUT_S;
 * of a write: its timeout, or 0 for none. */
uint64_t call_read_deadline_ms(const struct call *call);
uint64_t call_write_deadline_ms(const struct call *call);

/* Replaces the reply by an error envelope; by its status and text if the reply
 * is one of gRPC, where it ends. */
void status_error(struct reply *reply, const struct error *error,
                  double seconds);

/* Replaces the reply by plain text, likewise. `text` is copied. */
void status_text(struct reply *reply, int status, const char *text);

/* handler.refuse (request.h); refuse.c. */
void api_refuse(void *ctx, enum refusal refusal, uint64_t size, uint64_t limit,
                struct reply *reply);

#endif /* ENGINE_API_CALL_H */
