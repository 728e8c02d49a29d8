/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UNIT_OAUTH_JOB_H
#define UNIT_OAUTH_JOB_H

#include "tests/unit/oauth/visit.h"

/* A visit whose session is refreshed: plays the host of a job. job_setup() and
 * job_teardown() are the fixture, instead of those of visit.h. */

#define LOCK_RUNNING "1 somebody"
#define LOCK_FAILED  "2"
#define LOCK_DONE    "3"
#define DUE_S        (NOW_S + 240) /* 80 % of the 300 s of visit.c */
#define OVER_S       (NOW_S + 300)

/* Claims of an ID token about the same user, for job_tell_tokens(). */
#define WELL "\"iss\":\"" ISSUER "\",\"sub\":\"u-1\","

extern struct session_ticket job_ticket; /* of the last job_begin() */
extern int64_t job_now_s;                /* when the next event happens */

void job_setup(void);
void job_teardown(void);

/* A page is asked for at `at_s` and its session is found in the store. */
void job_visit(int64_t at_s);
/* Begins the job that the last visit asked for. */
void job_begin(void);
/* A login, a visit and a job that has the lock and asks for tokens. */
void job_walk_to_token(int64_t at_s);
/* Nothing is known of the provider any more. */
void job_new_provider(void);

/* Answers to the job's question. */
void job_tell(enum flow_event_kind kind, const char *text);
void job_tell_record(void);    /* found: the stored one */
void job_tell_documents(void); /* well, as far as they are asked for */
void job_tell_status(int status, const char *body);
/* Tokens "a2", "r2" for 600 s and an ID token of now with `claims` (which ends
 * with a comma). */
void job_tell_tokens(const char *alg, const char *kid, const char *claims);
/* That ID token alone; freed by the caller. */
char *job_id_token(const char *alg, const char *kid, const char *claims);

/* The record is to be replaced: takes it and opens it; valid until the next
 * call. */
struct session job_kept(void);
/* The job is over, and its lock says `lock`; NULL: it has none. */
void job_check_end(enum flow_outcome outcome, const char *lock);
void job_check_lock(const struct flow_action *action);

#endif /* UNIT_OAUTH_JOB_H */
