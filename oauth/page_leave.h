/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OAUTH_PAGE_LEAVE_H
#define OAUTH_PAGE_LEAVE_H

#include "base/bytes.h"

#include <stdbool.h>

/* The page on the way to the provider that keeps a fragment: a server never
 * sees what stands behind '#', and the provider's form loses it. A script of
 * ours looks: without a fragment it goes on to the provider, no request more
 * than a redirect; with one it asks for the login again, the fragment behind
 * rd. What looks like another login's answer (access_token, code) is left
 * out. Without scripts, or where another policy beside ours forbids this one,
 * the page goes on by itself. */
struct page_leave {
    struct span url;  /* of the provider */
    struct span keep; /* of our own start, up to the end of rd's value */
    size_t room;      /* letters that a fragment may have, with '#' */
};

/* Appends the whole document. */
void page_leave_html(const struct page_leave *page, struct bytes *out);

/* Appends its Content-Security-Policy: no script but this very one. False when
 * the hash cannot be made. */
bool page_leave_policy(struct bytes *out) __attribute__((warn_unused_result));

#endif /* OAUTH_PAGE_LEAVE_H */
