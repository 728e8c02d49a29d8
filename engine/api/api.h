/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_API_API_H
#define ENGINE_API_API_H

#include "engine/api/request.h"
#include "engine/collection/registry.h"
#include "engine/config.h"
#include "engine/metrics.h"
#include "engine/snapshot/snapshot.h"

/* The REST face: requests become commands, answers become JSON. Stateless but
 * for counters; every function may run on any thread after api_open(). */
struct api;

struct api_options {
    struct registry *registry;
    struct snapshots *snapshots;
    struct metrics *metrics;
    const struct server_config *config;
    const char *version; /* of this software */
    /* Adds the lines of rooms that api does not know; may be NULL. */
    void (*write_metrics)(void *ctx, struct metrics_text *text);
    void *write_metrics_ctx;
};

/* The name of the only peer, in snapshots and /cluster. */
#define API_PEER_TEXT "1"

/* Searches that are expected to take longer go to the executor. */
#define API_INLINE_COST_NS_MAX 500000u

/* A longer body is not parsed on the loop. */
#define API_INLINE_BODY_SIZE_MAX (64u << 10)

/* Reads that name no timeout end after this. */
#define API_TIMEOUT_S 60

/* Whether collections can be made with the defaults that `config` has for them.
 * ENGINE_EINPUT  names the key.   ENGINE_ENOMEM. */
enum engine_code api_check_defaults(const struct server_config *config,
                                    struct error *reterr)
    __attribute__((warn_unused_result));

/* What `options` points to must outlive the api. Reads service.identity_key_file
 * and opens service.audit_log; checks the defaults of collections.
 * ENGINE_EINPUT  one of these is not usable: named.   ENGINE_ENOMEM. */
enum engine_code api_open(const struct api_options *options,
                          struct api **ret_api, struct error *reterr)
    __attribute__((warn_unused_result));
void api_close(struct api *api);

/* The functions for wire; ctx is the api. */
struct handler api_handler(struct api *api);

/* Opens service.audit_log again at its next line; for a signal handler. */
void api_reopen_audit(struct api *api);

/* /readyz answers 200 only between ready and not ready (start, drain). */
void api_set_ready(struct api *api, bool is_ready);

#endif /* ENGINE_API_API_H */
