/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_COLLECTION_REGISTRY_ALIAS_H
#define ENGINE_COLLECTION_REGISTRY_ALIAS_H

#include "engine/collection/aliases.h"
#include "engine/collection/registry.h"

/* Other names of collections, which every call may use instead of the name
 * itself, except for deleting and creating. A name is a collection's or an
 * alias, never both. */

enum alias_kind { ALIAS_CREATE, ALIAS_DELETE, ALIAS_RENAME };

struct alias_action {
    enum alias_kind kind;
    struct span name;       /* of the alias; of the old one */
    struct span collection; /* CREATE */
    struct span new_name;   /* RENAME */
};

/* Does all actions in order or, at the first that cannot be, none; durable
 * when it returns. Creating moves an alias that is there; deleting one that is
 * not there is fine. Any thread.
 * ENGINE_ENOTFOUND  no such collection, or no such alias to rename.
 * ENGINE_EEXIST     a collection has that name.
 * ENGINE_ENOSPACE, ENGINE_EINTERNAL, ENGINE_ENOMEM */
enum engine_code registry_change_aliases(struct registry *registry,
                                         const struct alias_action *actions,
                                         size_t count, struct error *reterr)
    __attribute__((warn_unused_result));

/* Ascending by name, copied into `arena`.
 *   collection  only its aliases; NULL: all */
enum engine_code
registry_aliases(struct registry *registry, const struct span *collection,
                 struct arena *arena, const struct alias **ret_aliases,
                 size_t *ret_count, struct error *reterr)
    __attribute__((warn_unused_result));

/* Where the aliases are kept; appended to `path`. ENGINE_ENOMEM */
enum engine_code registry_aliases_path(const struct registry *registry,
                                       struct bytes *path, struct error *reterr)
    __attribute__((warn_unused_result));

/* ---- for the registry ---- */

/* Whether it is an alias, or becomes one now. Caller holds the lock. */
bool registry_alias_is_taken(const struct registry *registry, struct span name);

/* Drops the aliases of a collection that is being deleted. What cannot be
 * written now is by the next change, or by registry_alias_settle(). */
void registry_alias_forget(struct registry *registry, struct span collection);

/* Before a collection is made: the file may still have aliases of one of its
 * name that is gone (a crash, a full disk), which must not be the new one's
 * after the next start. ENGINE_ENOSPACE, ENGINE_EINTERNAL, ENGINE_ENOMEM */
enum engine_code registry_alias_settle(struct registry *registry,
                                       struct error *reterr)
    __attribute__((warn_unused_result));

/* Reads the file, once all collections are there; what points nowhere is left
 * out. */
enum engine_code registry_alias_load(struct registry *registry,
                                     struct error *reterr)
    __attribute__((warn_unused_result));

#endif /* ENGINE_COLLECTION_REGISTRY_ALIAS_H */
