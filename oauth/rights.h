/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OAUTH_RIGHTS_H
#define OAUTH_RIGHTS_H

#include "base/bytes.h"
#include "oauth/error.h"
#include "oauth/session.h"

/* Which collections a person may read, write or manage: rules that give
 * rights to roles and groups, and the list that the engine gets to see. Each
 * right includes those before it. */

#define RIGHTS_RULE_COUNT_MAX   64
#define RIGHTS_NAME_SIZE_MAX    128 /* of a role or group */
#define RIGHTS_PATTERN_SIZE_MAX 255
#define RIGHTS_LIST_SIZE_MAX    2048 /* JSON, of whoever has all of them */

enum rights_level { RIGHTS_READ, RIGHTS_WRITE, RIGHTS_MANAGE };
enum rights_holder { RIGHTS_OF_ANY, RIGHTS_OF_ROLE, RIGHTS_OF_GROUP };

/* One rule; texts are borrowed and must outlive it. */
struct rights_rule {
    enum rights_holder holder;
    struct span name; /* of the role or group, exact; RIGHTS_OF_ANY: empty */
    enum rights_level level;
    struct span pattern; /* a collection's name; a '*' at its end stands for
                            any rest, alone for everything */
};

/* Checks what `nginx -t` has to refuse. OAUTH_ECONFIG  too many rules, a name
 * or pattern that is empty, too long or has bytes other than printable ASCII,
 * a pattern with '"', '\\' or an inner '*', or patterns that together are
 * longer than RIGHTS_LIST_SIZE_MAX. */
enum oauth_code rights_check(const struct rights_rule *rules, size_t count,
                             struct error *reterr)
    __attribute__((warn_unused_result));

/* Appends the rights of `session` as JSON, in the form of Qdrant's claim
 * `access`: "m" (everything), "r" (read everything), or a list of
 * {"collection": PATTERN, "access": "r" | "prw" | "m"} without what another
 * item gives already; [] for nobody's right. Without any rule (count 0)
 * everybody may do everything. `rules` were checked. */
void rights_write(const struct rights_rule *rules, size_t count,
                  const struct session *session, struct bytes *out);

#endif /* OAUTH_RIGHTS_H */
