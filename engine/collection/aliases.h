/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_COLLECTION_ALIASES_H
#define ENGINE_COLLECTION_ALIASES_H

#include "base/bytes.h"
#include "engine/error.h"

#include <stdbool.h>
#include <stddef.h>

/* Other names of collections: a sorted table, and its file, which is replaced
 * as a whole. A table has one owner; nothing inside locks. */

#define ALIASES_MAX 65536

struct alias {
    struct span name; /* NUL-terminated, as the next */
    struct span collection;
};

struct aliases {
    struct alias *items; /* by name, ascending; the texts are owned */
    size_t count;
    size_t room;
};

/* Frees everything; the table is empty then. */
void aliases_clear(struct aliases *aliases);

/* ENGINE_ENOMEM: `ret_copy` is empty. */
enum engine_code aliases_copy(const struct aliases *aliases,
                              struct aliases *ret_copy, struct error *reterr)
    __attribute__((warn_unused_result));

/* The collection behind a name; NULL: it is no alias. Valid until a change. */
const struct span *aliases_find(const struct aliases *aliases,
                                struct span name);

/* Puts or moves an alias; both names are copied.
 * ENGINE_EREQUEST  more than ALIASES_MAX. ENGINE_ENOMEM */
enum engine_code aliases_put(struct aliases *aliases, struct span name,
                             struct span collection, struct error *reterr)
    __attribute__((warn_unused_result));

/* False: there was none. */
bool aliases_remove(struct aliases *aliases, struct span name);

/* All aliases of a collection; false: there was none. */
bool aliases_remove_collection(struct aliases *aliases, struct span collection);

/* The file aliases.json in `folder`: durable once this returns.
 * ENGINE_ENOSPACE, ENGINE_EINTERNAL  the old file is still there. */
enum engine_code aliases_save(const struct aliases *aliases, const char *folder,
                              struct error *reterr)
    __attribute__((warn_unused_result));

/* An empty table when there is no file. ENGINE_ECORRUPT, ENGINE_EVERSION name
 * it. */
enum engine_code aliases_load(const char *folder, struct aliases *ret_aliases,
                              struct error *reterr)
    __attribute__((warn_unused_result));

#endif /* ENGINE_COLLECTION_ALIASES_H */
