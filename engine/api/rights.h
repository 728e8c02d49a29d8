/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_API_RIGHTS_H
#define ENGINE_API_RIGHTS_H

#include "base/arena.h"
#include "engine/codec/json_read.h"
#include "engine/error.h"
#include "engine/filter/filter.h"

#include <stdbool.h>

/* What a caller may do, and what a route needs. The words are those of
 * Qdrant's tokens; each right includes the ones before it. Any thread. */
enum right {
    RIGHT_UNSET,  /* of a route: nobody thought about it. A test fails. */
    RIGHT_NONE,   /* no more than being known; a route without any check has
                     ROUTE_OPEN besides */
    RIGHT_READ,   /* "r" */
    RIGHT_POINTS, /* "prw": points and their payload */
    RIGHT_WRITE,  /* "rw": indexes, vector names and snapshots, too */
    RIGHT_MANAGE  /* "m": the collection itself, or the whole engine */
};

#define RIGHTS_GRANTS_MAX 256
#define RIGHTS_VALUES_MAX 64 /* of one `payload` */

/* `pattern` is a collection's name, or its beginning when is_prefix. */
struct grant {
    struct span pattern;
    bool is_prefix;
    enum right right;
    const struct filter *part; /* the points that it is for; NULL: all */
};

/* Zeroed: no right at all. */
struct rights {
    enum right everywhere;      /* on every collection and the engine itself */
    const struct grant *grants; /* in the arena */
    size_t grants_count;
};

/* Who wrote the claim: the gateway, whose names may end in '*' and who may
 * give "m" on a collection; or one with Qdrant's rules, whose names are exact
 * and there once, and who may add "payload": {PATH: text, integer or bool},
 * which all points of the grant have. */
enum rights_form { RIGHTS_PATTERNS, RIGHTS_EXACT };

/* Reads the claim `access`: "r", "m", or a list of {"collection": NAME,
 * "access": "r" | "prw" | "rw" | "m"}. A '*' at the end of NAME stands for any
 * rest; "*" alone is a right everywhere. All of it is copied into `arena`.
 * ENGINE_EFORBIDDEN  absent, or anything else: never guessed.
 * ENGINE_ENOMEM. */
enum engine_code rights_read(yyjson_val *access, enum rights_form form,
                             struct arena *arena, struct rights *ret_rights,
                             struct error *reterr)
    __attribute__((warn_unused_result));

/* The highest right on `collection`; on the engine itself when it is NULL.
 * RIGHT_NONE when there is none. */
enum right rights_on(const struct rights *rights,
                     const struct span *collection);

/* The points that the right on `collection` is for; NULL: all. Constant, as
 * long as `rights`. */
const struct filter *rights_part_of(const struct rights *rights,
                                    struct span collection);

/* "read", "write", ...: for people. */
const char *right_name(enum right right);

#endif /* ENGINE_API_RIGHTS_H */
