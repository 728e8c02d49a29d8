/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_API_GRPC_H
#define ENGINE_API_GRPC_H

#include "engine/api/call.h"
#include "engine/api/grpc_schema.h"

/* A gRPC method is another spelling of a REST route: the same right, limits,
 * checks and commands. Only how the request is read and the answer written
 * differs. */

enum grpc_flags {
    GRPC_WHOLE = 1 << 0, /* REST's result is the answer, not a field of it */
    GRPC_RAW = 1 << 1    /* no `time`: run() makes the whole message */
};

struct grpc_method {
    const char *path;           /* "/package.Service/Method" */
    enum request_method method; /* of the route */
    const char *pattern;
    const char *request; /* message names */
    const char *answer;
    uint32_t time_number; /* of the field `time` in the answer */
    unsigned flags;
    uint32_t second; /* of the field that is the route's second parameter; 0 */
    /* Reads the message without a document if it has the usual form; NULL:
     * never. False: it has not. */
    bool (*scan)(struct call *call);
    /* Writes the answer's fields but `time`; NULL: from what the route's run()
     * says in JSON. */
    enum engine_code (*run)(struct call *call, struct error *reterr);
};

extern const struct grpc_method grpc_methods[];
extern const size_t grpc_methods_count;

/* The route that it is another spelling of. */
const struct route *grpc_route(const struct grpc_method *method);

/* The last string field of that number at the top of a message; empty: none. */
struct span grpc_string_of(struct span message, uint32_t number);

/* ---- scan and run functions of the table, by file ---- */

/* grpc_points.c */
bool grpc_upsert_scan(struct call *call);
bool grpc_vectors_scan(struct call *call);

/* grpc_answer.c */
enum engine_code grpc_update_run(struct call *call, struct error *reterr);
enum engine_code grpc_update_batch_run(struct call *call, struct error *reterr);
enum engine_code grpc_search_run(struct call *call, struct error *reterr);
enum engine_code grpc_search_batch_run(struct call *call, struct error *reterr);
enum engine_code grpc_groups_run(struct call *call, struct error *reterr);
enum engine_code grpc_get_run(struct call *call, struct error *reterr);
enum engine_code grpc_scroll_run(struct call *call, struct error *reterr);
enum engine_code grpc_count_run(struct call *call, struct error *reterr);

/* grpc_service.c */
enum engine_code grpc_version_run(struct call *call, struct error *reterr);
enum engine_code grpc_health_run(struct call *call, struct error *reterr);
enum engine_code grpc_reflection_run(struct call *call, struct error *reterr);

#endif /* ENGINE_API_GRPC_H */
