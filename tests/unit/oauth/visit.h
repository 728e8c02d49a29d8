/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UNIT_OAUTH_VISIT_H
#define UNIT_OAUTH_VISIT_H

#include "tests/unit/oauth/forge.h"

#include "oauth/flow.h"
#include "oauth/stateparam.h"

/* A visit to a protected host: plays the browser with its cookies, the
 * session store and the provider, for tests that drive flow_step(). One visit
 * per process; visit_setup() and visit_teardown() are the fixture. */

#define NOW_S    1790000000
#define BASE_URL "https://dash.test:8443"
#define ISSUER   "https://idp.test/realms/r"
#define CLIENT   "qdrant-dashboard"
#define ACCESS   "opaque-access-token"

/* Made anew for each test. */
extern EVP_PKEY *pkey; /* the provider's */
extern struct seal_ring *ring;
extern struct provider *provider;
extern struct flow_config config; /* may be changed before a request */
extern struct flow *flow;         /* of the last request */
extern const struct flow_actions *actions;

/* What is remembered: the browser's cookies (session, logins), the record
 * that store_put() took, state and nonce of the last begin_login(). */
extern char jar[2][4096];
extern char stored_key[128];
extern char stored[65536];
extern size_t stored_size;
/* What INDEX_PUT wrote under the user's key (the newest 64) and the sid's. */
extern struct flow_entry roster[64];
extern size_t roster_count;
extern char roster_key_text[128];
extern struct flow_entry sid_entry;
extern char sid_key_text[128];
/* Whether a test answers the questions to an index itself; else answer() does
 * so, and a login looks as if there were none. */
extern bool holds_roster;
extern char state[STATEPARAM_SIZE_MAX + 1];
extern char nonce[64];

void visit_setup(void);
void visit_teardown(void);

/* Requests: a navigation of a current browser, which the caller may change;
 * sent with the jar's cookies unless it has its own. get() sends at NOW_S. */
struct flow_request browser(const char *path, const char *query);
void send_request(struct flow_request *request, int64_t now_s);
void get(const char *path, const char *query);

/* Answers to the last action. `text` is the body or the failure; a found
 * session is always the stored one. */
void answer(enum flow_event_kind kind, const char *text, int64_t now_s);
/* INDEX_FOUND with `count` entries. */
void answer_index(const struct flow_entry *entries, size_t count);
void answer_status(int status, const char *body);
void answer_discovery(void);
void answer_jwks(void); /* pkey as "k1" */

/* The token endpoint's answer; `more` is put behind the ID token's claims. */
void answer_token(const char *kid, const char *more);
void store_put(const struct flow_action *action);

/* Whole stretches of a login. */
void begin_login(const char *query);
void come_back(const char *code_or_error);
void walk_to_token(void);
void log_in(const char *query);

/* What came out. Texts live until eight more were asked for. */
const struct flow_action *last(void);
const char *text_of(struct span span);
const char *header_of(const struct flow_header *headers, size_t count,
                      const char *name);
const char *reply_header(const char *name);
const char *location_param(const char *name);

#endif /* UNIT_OAUTH_VISIT_H */
