/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OAUTH_PAGE_SESSIONS_H
#define OAUTH_PAGE_SESSIONS_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stdint.h>

/* What /oauth2/sessions shows: a page without script, every button a form,
 * and the same as JSON. All texts are escaped here. */

#define PAGE_SESSIONS_SIZE_MAX ((size_t)384 << 10)

struct page_session {
    int64_t created_s;
    int64_t expires_s;
    struct span address;
    struct span agent;
    struct span token; /* hidden field that ends it; empty: no form */
    bool is_own;       /* the one that looks */
};

struct page_sessions {
    const struct page_session *items;
    size_t count;
    struct span list_url;     /* where the forms post to */
    struct span sign_out_url; /* likewise, for the session that looks */
    struct span others_token; /* ends all but this one; empty: no form */
};

/* Appends a whole HTML document. */
void page_sessions_html(const struct page_sessions *page, struct bytes *out);

/* Appends {"sessions":[{"this","created_at","expires_at","address",
 * "user_agent","end"}],"end_others"}: "end" is the token of the forms. */
void page_sessions_json(const struct page_sessions *page, struct bytes *out);

#endif /* OAUTH_PAGE_SESSIONS_H */
