/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_API_ISSUES_H
#define ENGINE_API_ISSUES_H

#include "engine/api/call.h"
#include "engine/filter/filter.h"

/* What could be better: fields without an index that slow reads were filtered
 * by, and collections that cannot be opened. GET /issues tells them with what
 * would help, as Qdrant does; DELETE /issues forgets the first kind. */

/* Fields that are remembered. */
#define ISSUES_MAX 1000

/* A read that takes longer is slow, unless service.slow_query_ms says. */
#define ISSUES_SLOW_MS 1200

struct issues;

/* NULL when memory is out. */
struct issues *issues_new(void) __attribute__((warn_unused_result));

/* NULL is allowed. */
void issues_free(struct issues *issues);

/* Remembers the fields of `filter` (NULL: none) that have no index, when this
 * read of call->collection has taken long. Any thread. */
void issues_note(struct call *call, const struct filter *filter);

#endif /* ENGINE_API_ISSUES_H */
