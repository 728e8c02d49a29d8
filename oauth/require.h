/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OAUTH_REQUIRE_H
#define OAUTH_REQUIRE_H

#include "base/bytes.h"
#include "oauth/error.h"
#include "oauth/session.h"

#include <stdbool.h>
#include <stdint.h>

/* Claim rules. A rule's words are atoms ("role=writer"), each of them a bit
 * in the one table of a configuration. The atoms are held against a session
 * or a token once, when it is opened; from then on a request compares bits.
 *
 *   role=NAME             `realm_access.roles` or `roles` has NAME
 *   client_role=ID:NAME   `resource_access.ID.roles` has NAME; the colon is
 *                         the first one that is not followed by "//"
 *   group=/PATH           `groups` has exactly this
 *   email_domain=DOMAIN   what follows the one and only @ of `email`, case
 *                         ignored; `email_verified` may not be false
 *   claim=NAME:VALUE      the top-level claim NAME is VALUE, or a list with it
 *
 * The atoms of one rule are alternatives; all rules for a method must hold.
 * All functions are pure; tables and rules are immutable once made. */

#define REQUIRE_ATOM_COUNT_MAX 256
#define REQUIRE_RULE_COUNT_MAX 32
#define REQUIRE_WORD_SIZE_MAX  255

struct require_bits {
    uint64_t words[REQUIRE_ATOM_COUNT_MAX / 64];
};

enum require_kind {
    REQUIRE_ROLE,
    REQUIRE_CLIENT_ROLE,
    REQUIRE_GROUP,
    REQUIRE_EMAIL_DOMAIN,
    REQUIRE_CLAIM,
};

struct require_atom {
    enum require_kind kind;
    struct span word;  /* as written; borrowed */
    struct span scope; /* part of word: ID or NAME before the colon; or empty */
    struct span value; /* part of word: what has to be there */
};

struct require_table {
    size_t count;
    struct require_atom atoms[REQUIRE_ATOM_COUNT_MAX];
};

struct require_rule {
    uint32_t methods; /* see require_method() */
    struct require_bits any;
};

struct require_rules {
    const struct require_table *table;
    size_t count;
    struct require_rule items[REQUIRE_RULE_COUNT_MAX];
};

/* Makes one rule of a directive's words and adds its atoms to the table.
 *   words  atoms, and at most one of methods=M,... (only these) or except=M,...
 *          (all but these, unknown ones included); GET means HEAD, too. Their
 *          bytes must outlive the table
 * OAUTH_ECONFIG  an unknown, empty, overlong or unprintable word, no atom at
 * all, more than REQUIRE_ATOM_COUNT_MAX different ones; the text says which. */
enum oauth_code require_add(struct require_table *table,
                            const struct span *words, size_t count,
                            struct require_rule *ret_rule, struct error *reterr)
    __attribute__((warn_unused_result));

/* The bit of a request's method; unknown ones share one. */
uint32_t require_method(struct span name);

/* All bits: a rule for every method holds. */
#define REQUIRE_EVERY_METHOD UINT32_MAX

/* Which atoms hold for whom. */
struct require_bits require_evaluate(const struct require_table *table,
                                     const struct session *session);

/* The first rule for `methods` (one bit, or REQUIRE_EVERY_METHOD) that does
 * not hold; NULL when all do, or `rules` is NULL. Hot path: no memory. */
const struct require_rule *require_broken(const struct require_rules *rules,
                                          uint32_t methods,
                                          const struct require_bits *bits);

/* Appends what `rule` wants: "role=writer or group=/engineers". */
void require_describe(const struct require_table *table,
                      const struct require_rule *rule, struct bytes *out);

/* Appends the names of the claims that the table's atoms ask for, one per
 * line: what a session has to remember of a token. */
void require_claim_names(const struct require_table *table, struct bytes *out);

/* Appends all atoms in the order of their bits: two tables with the same text
 * give the same bits. */
void require_text(const struct require_table *table, struct bytes *out);

#endif /* OAUTH_REQUIRE_H */
