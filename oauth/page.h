/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OAUTH_PAGE_H
#define OAUTH_PAGE_H

#include "base/bytes.h"
#include "oauth/session.h"

/* Bodies of the answers that we give ourselves. All of them escape what they
 * are given; none needs another file. */

#define PAGE_SIZE_MAX ((size_t)32 << 10)
#define PAGE_CSP_BUT_FRAMES                                                    \
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; "
#define PAGE_CSP PAGE_CSP_BUT_FRAMES "frame-ancestors 'none'"

struct page {
    const char *title;
    const char *text;       /* one or two sentences for a person */
    struct span detail;     /* the cause, may quote a peer; may be empty */
    struct span request_id; /* to be named to whoever runs this; or empty */
    const char *link_text;  /* NULL: no link */
    struct span link_url;
    bool link_is_form;       /* a button that POSTs instead of a link */
    struct span forward_url; /* goes there at once; empty: stays */
};

/* Appends a whole HTML document. */
void page_html(const struct page *page, struct bytes *out);

/* Pieces of a document, for pages of another shape: everything up to its
 * heading, and text that cannot become markup. */
void page_begin(const char *title, struct bytes *out);
void page_escape(struct bytes *out, struct span text);

/* Appends {"error":NAME,"message":...,"login_url":...}; login_url is left out
 * when empty. */
void page_json_error(const char *name, struct span message,
                     struct span login_url, struct bytes *out);

/* Appends what /oauth2/userinfo says: sub, preferred_username, email, name,
 * roles, groups, expires_at; and user, preferredUsername as OAuth2 Proxy names
 * them. */
void page_json_user(const struct session *session, struct bytes *out);

#endif /* OAUTH_PAGE_H */
