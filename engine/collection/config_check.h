/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_COLLECTION_CONFIG_CHECK_H
#define ENGINE_COLLECTION_CONFIG_CHECK_H

#include "engine/codec/json_read.h"
#include "engine/error.h"

/* The members of a create or PATCH body that nothing here acts upon, but that
 * are kept and echoed: typed clients fail on the whole collection info when
 * one of them is not what the API says. Members that are acted upon are checked
 * where they are read (config.c), and unknown ones are dropped there.
 * `body` is an object. ENGINE_EFORMAT wrong type or word; ENGINE_EVALID out of
 * range; both name the member. Any thread. */
enum engine_code config_check(yyjson_val *body, struct error *reterr)
    __attribute__((warn_unused_result));

#endif /* ENGINE_COLLECTION_CONFIG_CHECK_H */
