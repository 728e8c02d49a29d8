/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UNIT_OAUTH_FAMINE_H
#define UNIT_OAUTH_FAMINE_H

#include "tests/unit/oauth/visit.h"

/* A host of flows that lacks memory: the n-th allocation of oauth/ and base/
 * fails (linked with --wrap, so libraries keep theirs), and every question of
 * a flow is answered as if all were well. */

#define WALK_COUNT_MAX 2000 /* no walk allocates more often */

extern size_t countdown;    /* the allocation that fails; 0: none does */
extern bool has_failed;     /* whether one did */
extern size_t delete_count; /* sessions that the last walk ended */

/* Texts of the provider, made while memory is fine. */
extern char *jwks_text;
extern char *token_text;
extern const char *discovery_text;

#define DISCOVERY_TEXT                                                         \
    "{\"issuer\":\"" ISSUER "\","                                              \
    "\"authorization_endpoint\":\"" ISSUER "/auth\","                          \
    "\"token_endpoint\":\"" ISSUER "/token\","                                 \
    "\"jwks_uri\":\"" ISSUER "/certs\","                                       \
    "\"introspection_endpoint\":\"" ISSUER "/introspect\","                    \
    "\"end_session_endpoint\":\"" ISSUER "/logout\""

/* The index that questions are answered with instead of `roster`. */
extern const struct flow_entry *full_index;
extern size_t full_index_count;

/* Steps a fresh flow to its verdict; the store keeps one record. Returns NULL
 * when there was not even memory for the flow. */
const struct flow_action *walk_from(struct flow_event event);
const struct flow_action *walk(const struct flow_request *request);

/* Walks a login's start; its state and an ID token for it are kept. */
void make_texts(void);

/* One that knows no document. */
void new_provider(void);

/* Walks `request`, of a new provider each time, with each allocation failing
 * in turn until none does. Each walk ends in an honest answer: what was asked
 * for (`status`), or a page or JSON with the cause. */
void fail_each(const struct flow_request *request, int status,
               const char *what);

#endif /* UNIT_OAUTH_FAMINE_H */
