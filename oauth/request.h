/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OAUTH_REQUEST_H
#define OAUTH_REQUEST_H

#include "oauth/flow.h"

/* What kind of client stands behind a request. */

enum request_kind {
    REQUEST_PAGE, /* a person's navigation: may be redirected to a login */
    REQUEST_FORM, /* a navigation with another method: gets a page, but its
                     body would be lost by a redirect */
    REQUEST_CALL, /* a script or machine: gets status codes and JSON */
};

/* Sec-Fetch-Mode decides where it is sent (every current browser does); else
 * a GET or HEAD whose Accept names text/html and that has no
 * X-Requested-With, Upgrade or Authorization. */
enum request_kind request_kind(const struct flow_request *request);

/* Whether the sender is certainly a script that follows redirects itself. */
bool request_is_script(const struct flow_request *request);

/* A CORS preflight (Fetch standard section 4.8): it never carries cookies. */
bool request_is_preflight(const struct flow_request *request);

/* Whether the request was made by one of our own pages or typed by the user:
 * Sec-Fetch-Site, else Origin, else Referer; refused when none is there. */
bool request_is_own(const struct flow_request *request, struct span base_url);

bool request_is_read(const struct flow_request *request); /* GET or HEAD */

#endif /* OAUTH_REQUEST_H */
