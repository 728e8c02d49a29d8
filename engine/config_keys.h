/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_CONFIG_KEYS_H
#define ENGINE_CONFIG_KEYS_H

#include "engine/config.h"

/* The table of keys: where each value goes, its default and its limits. */

enum key_kind {
    KEY_TEXT,
    KEY_SECRET,
    KEY_NUMBER,  /* min..max */
    KEY_SECONDS, /* a number with a fraction, kept in ms; min..max in s */
    KEY_BOOL,
    KEY_LIST,
    KEY_COLLECTION, /* a default of new collections: `otherwise` is its place
                        in a create body; `.*` there is what it is here */
    KEY_INERT       /* Qdrant's; means nothing here */
};

/* In the place of a secret that is printed; never taken for one. */
#define CONFIG_MASK "***"

struct key {
    const char *name; /* ends in ".*": all that begin so */
    enum key_kind kind;
    size_t offset;
    const char *otherwise; /* the default */
    uint64_t min, max;
};

extern const struct key config_keys[];
extern const size_t config_keys_count;

/* NULL: there is none. */
const struct key *config_key_find(const char *name);

/* Whether keys begin with it and a dot. */
bool config_key_is_section(const char *name);

/* The known name that is most like `name`, if one is like it; else NULL. */
const char *config_key_like(const char *name);

/* The value's place. */
static inline void *
config_key_place(struct server_config *config, const struct key *key)
{
    return (char *)config + key->offset;
}

#endif /* ENGINE_CONFIG_KEYS_H */
