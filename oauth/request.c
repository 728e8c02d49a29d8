/* SPDX-License-Identifier: Apache-2.0
 * Tells people from machines and our own pages from foreign ones. A machine
 * must never be sent to a login page, a person never be shown JSON. */
#include "oauth/request.h"

#include "oauth/url.h"

#include <string.h>
#include <strings.h>

static bool
contains(struct span text, const char *word)
{
    size_t size = strlen(word);
    for (size_t i = 0; i + size <= text.size; i++) {
        if (strncasecmp(text.data + i, word, size) == 0)
            return true;
    }
    return false;
}

bool
request_is_read(const struct flow_request *request)
{
    return span_equal_text(request->method, "GET") ||
           span_equal_text(request->method, "HEAD");
}

enum request_kind
request_kind(const struct flow_request *request)
{
    if (request->upgrade.data != NULL)
        return REQUEST_CALL;
    if (request->sec_fetch_mode.data != NULL) {
        if (!span_equal_text(request->sec_fetch_mode, "navigate"))
            return REQUEST_CALL;
        return request_is_read(request) ? REQUEST_PAGE : REQUEST_FORM;
    }
    if (request->requested_with.data != NULL ||
        request->authorization.data != NULL || !request_is_read(request))
        return REQUEST_CALL;
    return contains(request->accept, "text/html") ? REQUEST_PAGE : REQUEST_CALL;
}

bool
request_is_script(const struct flow_request *request)
{
    if (request->sec_fetch_mode.data != NULL)
        return !span_equal_text(request->sec_fetch_mode, "navigate");
    return request->requested_with.data != NULL ||
           (contains(request->accept, "application/json") &&
            !contains(request->accept, "text/html"));
}

bool
request_is_preflight(const struct flow_request *request)
{
    return span_equal_text(request->method, "OPTIONS") &&
           request->origin.data != NULL && request->preflight.data != NULL;
}

/* Whether the URL `text` has the scheme and authority of `base_url`. */
static bool
is_same_origin(struct span text, struct span base_url)
{
    struct url own;
    struct url other;
    if (!url_parse(base_url, &own) || !url_parse(text, &other))
        return false;
    return own.scheme.size == other.scheme.size &&
           own.authority.size == other.authority.size &&
           strncasecmp(own.scheme.data, other.scheme.data, own.scheme.size) ==
               0 &&
           strncasecmp(own.authority.data, other.authority.data,
                       own.authority.size) == 0;
}

bool
request_is_own(const struct flow_request *request, struct span base_url)
{
    if (request->sec_fetch_site.data != NULL)
        return span_equal_text(request->sec_fetch_site, "same-origin") ||
               span_equal_text(request->sec_fetch_site, "none");
    if (request->origin.data != NULL)
        return is_same_origin(request->origin, base_url);
    return request->referer.data != NULL &&
           is_same_origin(request->referer, base_url);
}
