/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OAUTH_FLOW_ANSWER_H
#define OAUTH_FLOW_ANSWER_H

#include "oauth/flow.h"
#include "oauth/page.h"

/* Inside of the door: verdicts, and the texts in them. Each function that is
 * named after a verdict ends the flow. Texts live as long as the flow; where
 * memory is out, they are empty and the flow's step ends in a static reply. */

/* flow_identity.c: who may pass. flow_see() comes first: it fills flow->seen;
 * false when that could not be signed, the cause is set then. */
bool flow_see(struct flow *flow);
void flow_allow(struct flow *flow);
void flow_reply_auth(struct flow *flow);

/* flow_refuse.c: who may not, with flow->cause, as page or JSON by the kind of
 * client. */
void flow_reply_cause(struct flow *flow, enum flow_outcome outcome);
void flow_reply_forbidden(struct flow *flow);
/* From an event that says that the store failed. */
void flow_reply_store_down(struct flow *flow, const struct flow_event *event);

/* flow_reply.c: everything else */
void flow_redirect(struct flow *flow, struct span url,
                   enum flow_outcome outcome);
void flow_reply_empty(struct flow *flow, int status, enum flow_outcome outcome);
void flow_reply_user(struct flow *flow);
void flow_reply_json(struct flow *flow, struct bytes *body,
                     enum flow_outcome outcome);
void flow_reply_page(struct flow *flow, int status, const struct page *page,
                     enum flow_outcome outcome);
void flow_reply_html(struct flow *flow, struct bytes *body,
                     enum flow_outcome outcome);
/* The page that looks for a fragment, then goes to `url`. */
void flow_reply_leave(struct flow *flow, struct span url);
/* A page that only the provider may put into a frame. */
void flow_reply_frame(struct flow *flow, enum flow_outcome outcome);
/* Memory ran out while the reply was built: a fixed one takes its place. */
void flow_reply_static(struct flow *flow);

/* A verdict to be filled; a reply has its cookies and what every one of ours
 * says. */
struct flow_action *flow_add_verdict(struct flow *flow,
                                     enum flow_action_kind kind,
                                     enum flow_outcome outcome);
struct flow_reply *flow_begin_reply(struct flow *flow, int status,
                                    enum flow_outcome outcome);
void flow_add_header(struct flow_reply *reply, const char *name,
                     struct span value);

/* The URL of /oauth2/start for `rd` (may be empty). */
struct span flow_start_url(struct flow *flow, struct span rd);
/* The same with one more parameter, NAME=1. */
struct span flow_start_url_as(struct flow *flow, const char *name,
                              struct span rd);

/* Where the login of flow->slot ends. */
struct span flow_slot_rd(const struct flow *flow);

/* An absolute URL of our own for a safe rd. */
struct span flow_own_url(struct flow *flow, struct span rd);

/* Builds a Set-Cookie; an empty value removes the cookie. */
struct span flow_set_cookie(struct flow *flow, const char *name,
                            struct span value, int64_t max_age_s,
                            enum flow_same_site same_site);

/* Copies a finished builder into the arena and wipes it. */
struct span flow_keep(struct flow *flow, struct bytes *bytes);

#endif /* OAUTH_FLOW_ANSWER_H */
