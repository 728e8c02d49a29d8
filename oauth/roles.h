/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OAUTH_ROLES_H
#define OAUTH_ROLES_H

#include "base/bytes.h"

#include <jansson.h>

#define ROLES_SIZE_MAX      4096
#define ROLES_NAME_SIZE_MAX 128

/* Appends the role names of a token's claims, one per line: `roles`,
 * realm_access.roles and resource_access.CLIENT.roles as Keycloak writes
 * them. Anything of another type, empty, longer than ROLES_NAME_SIZE_MAX or
 * with control characters is left out, as is a name already there and what
 * does not fit into `out`. */
void roles_collect(const json_t *claims, struct span client_id,
                   struct bytes *out);

/* Likewise for the `groups` claim. */
void roles_collect_groups(const json_t *claims, struct bytes *out);

/* Likewise, but without any client's roles. */
void roles_collect_realm(const json_t *claims, struct bytes *out);

/* Likewise the roles of all clients, as CLIENT TAB ROLE. */
void roles_collect_clients(const json_t *claims, struct bytes *out);

/* Likewise the values of the top-level claims in `names` (one per line), as
 * NAME TAB VALUE: texts, whole numbers, true and false, and lists of texts. */
void roles_collect_claims(const json_t *claims, struct span names,
                          struct bytes *out);

/* Appends those names of `lines`, one per line, that `out` has not. */
void roles_merge(struct span lines, struct bytes *out);

#endif /* OAUTH_ROLES_H */
