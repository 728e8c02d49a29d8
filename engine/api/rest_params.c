/* SPDX-License-Identifier: Apache-2.0
 * `params` of a search. */
#include "engine/api/rest_params.h"

#include "engine/api/rest_body.h"
#include "engine/api/rest_filter.h"

#include <stdio.h>

/* Without a word about `rescore` the best are scored again, as many as it
 * takes: with codes of every kind, in memory and on disk. */
static enum engine_code
quantization_read(yyjson_val *object, const char *where,
                  struct search_params *params, struct error *reterr)
{
    bool is_rescored = true;
    if (object == NULL)
        return ENGINE_OK;
    if (!yyjson_is_obj(object))
        return rest_type_error(object, "quantization", "an object", reterr);
    enum engine_code code =
        rest_bool(object, "ignore", &params->ignores_codes, reterr);
    if (code == ENGINE_OK)
        code = rest_bool(object, "rescore", &is_rescored, reterr);
    params->keeps_estimates = !is_rescored;
    yyjson_val *value = rest_member(object, "oversampling");
    if (code != ENGINE_OK || value == NULL)
        return code;
    if (!yyjson_is_num(value))
        return rest_type_error(value, "oversampling", "f64", reterr);
    double oversampling = yyjson_get_num(value);
    if (!(oversampling >= 1.0))
        return error_set(reterr, ENGINE_EVALID,
                         "[%s.params.quantization.oversampling: value %g "
                         "invalid, must be 1.0 or larger]",
                         where, oversampling);
    params->oversampling = oversampling;
    return ENGINE_OK;
}

/* "global" or {corpus: Filter}. */
static enum engine_code
idf_read(yyjson_val *value, const char *where, struct arena *arena,
         struct search_params *params, struct error *reterr)
{
    char inside[128];
    params->has_idf = value != NULL;
    if (value == NULL || yyjson_equals_str(value, "global"))
        return ENGINE_OK;
    if (yyjson_is_str(value))
        return error_set(reterr, ENGINE_EFORMAT,
                         "params.idf: unknown variant `%s`, expected `global` "
                         "or an object with `corpus`",
                         yyjson_get_str(value));
    if (!yyjson_is_obj(value))
        return rest_type_error(value, "params.idf",
                               "`global` or an object with `corpus`", reterr);
    yyjson_val *corpus = rest_member(value, "corpus");
    if (corpus == NULL)
        return error_set(reterr, ENGINE_EFORMAT,
                         "params.idf: missing field `corpus`");
    if (yyjson_obj_size(value) > 1)
        return error_set(reterr, ENGINE_EFORMAT,
                         "params.idf: unknown field, expected `corpus`");
    snprintf(inside, sizeof(inside), "%s.params.idf.corpus", where);
    return rest_filter_parse(corpus, inside, arena, &params->idf_corpus,
                             reterr);
}

enum engine_code
rest_params_parse(yyjson_val *object, const char *where, struct arena *arena,
                  struct search_params *params, struct error *reterr)
{
    uint64_t ef = 0;
    if (object == NULL)
        return ENGINE_OK;
    if (!yyjson_is_obj(object))
        return rest_type_error(object, "params", "an object", reterr);
    /* `acorn` is a hint about the way, which is ours. */
    enum engine_code code = rest_u64(object, "hnsw_ef", &ef, reterr);
    if (code == ENGINE_OK && rest_member(object, "hnsw_ef") != NULL) {
        char inside[128];
        snprintf(inside, sizeof(inside), "%s.params", where);
        code = rest_at_least_one(inside, "hnsw_ef", ef, reterr);
    }
    if (code == ENGINE_OK)
        code = rest_bool(object, "exact", &params->is_exact, reterr);
    if (code == ENGINE_OK)
        code =
            rest_bool(object, "indexed_only", &params->is_indexed_only, reterr);
    if (code == ENGINE_OK)
        code = quantization_read(rest_member(object, "quantization"), where,
                                 params, reterr);
    if (code == ENGINE_OK)
        code =
            idf_read(rest_member(object, "idf"), where, arena, params, reterr);
    params->hnsw_ef = ef > UINT32_MAX ? UINT32_MAX : (uint32_t)ef;
    return code;
}
