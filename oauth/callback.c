/* SPDX-License-Identifier: Apache-2.0
 * The parameters of the way back from the provider. A parameter that stands
 * twice is refused: two readers could take different ones. */
#include "oauth/callback.h"

#include "oauth/stateparam.h"
#include "oauth/url.h"

#include <string.h>

struct param {
    const char *name;
    size_t size_max;
    struct span *ret_value;
    bool *ret_found; /* may be NULL */
};

static enum oauth_code
read_param(struct span query, const struct param *param, struct arena *arena,
           struct error *reterr)
{
    struct bytes value;
    bytes_init(&value, param->size_max);
    enum url_param found = url_param(query, param->name, &value);
    enum oauth_code code = OAUTH_OK;
    if (found == URL_PARAM_BAD) {
        code = error_set(reterr, OAUTH_EREQUEST,
                         "parameter '%s' is there twice, malformed or too long",
                         param->name);
    } else if (found == URL_PARAM_FOUND) {
        char *copy = arena_strndup(arena, value.data, value.size);
        if (copy == NULL)
            code = error_memory(reterr);
        else
            *param->ret_value = (struct span){ copy, value.size };
        if (param->ret_found != NULL)
            *param->ret_found = true;
    }
    bytes_wipe(&value);
    return code;
}

enum oauth_code
callback_parse(struct span query, struct arena *arena,
               struct callback *ret_callback, struct error *reterr)
{
    struct callback back = { 0 };
    const struct param params[] = {
        { "state", STATEPARAM_SIZE_MAX, &back.state, NULL },
        { "code", CALLBACK_CODE_SIZE_MAX, &back.code, NULL },
        { "error", 128, &back.error, NULL },
        { "error_description", 1024, &back.error_description, NULL },
        { "iss", URL_SIZE_MAX, &back.iss, &back.has_iss },
    };
    for (size_t i = 0; i < sizeof(params) / sizeof(params[0]); i++) {
        enum oauth_code code = read_param(query, &params[i], arena, reterr);
        if (code != OAUTH_OK)
            return code;
    }
    if (back.state.size == 0)
        return error_set(reterr, OAUTH_EREQUEST,
                         "parameter 'state' is missing");
    if ((back.code.size == 0) == (back.error.size == 0))
        return error_set(reterr, OAUTH_EREQUEST,
                         "exactly one of 'code' and 'error' is needed");
    *ret_callback = back;
    return OAUTH_OK;
}

enum oauth_code
callback_check_issuer(const struct callback *callback, struct span issuer,
                      bool is_required, struct error *reterr)
{
    if (callback->has_iss && !span_equal(callback->iss, issuer))
        return error_set(reterr, OAUTH_ESTATE,
                         "the answer is from another issuer");
    if (!callback->has_iss && is_required)
        return error_set(reterr, OAUTH_ESTATE,
                         "the answer does not say its issuer");
    return OAUTH_OK;
}
