/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_API_EXPLAIN_H
#define ENGINE_API_EXPLAIN_H

#include "engine/api/call.h"
#include "engine/segment/search.h"

/* How a search went: an answer's `explain` and the log of slow queries. Names
 * of fields are told, never values. */

/* Reports of one request that are kept; of a longer batch the first. */
#define EXPLAIN_REPORTS_MAX 100u

/* Keeps the report of a search of this call, if anybody will want it. */
void explain_keep(struct call *call, const struct segment_report *report);

/* The member `explain`, when `?explain=true` asked for it: a list with an
 * object for each search. */
void explain_write(struct call *call);

/* A line for each search of a call that took `seconds`, when that is slow. */
void explain_log_slow(const struct call *call, double seconds);

#endif /* ENGINE_API_EXPLAIN_H */
