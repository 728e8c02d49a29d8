/* SPDX-License-Identifier: Apache-2.0
 * The page that looks for a fragment. Its script is fixed, so that a hash
 * names it; what changes stands in attributes, which the script only reads.
 * A browser takes the first refresh that it sees (HTML standard, section
 * 4.2.5.3), which is the first one only where scripts are off; where another
 * policy forbids the script, the second leads on. A navigation by the script
 * stops it. */
#include "oauth/page_leave.h"

#include "oauth/page.h"

#include <openssl/evp.h>

#define HASH_SIZE 32

static const char script[] =
    "var a=document.getElementById('go'),h=location.hash,u=a.href;"
    "if(h.length>1&&h.length<=+a.dataset.room&&"
    "!/[#&?](access_token|id_token|code|error)=/.test(h))"
    "u=a.dataset.keep+encodeURIComponent(h);"
    "location.replace(u)";

void
page_leave_html(const struct page_leave *page, struct bytes *out)
{
    page_begin("On the way to the login", out);
    bytes_add_text(out, "<noscript><meta http-equiv=\"refresh\" "
                        "content=\"0;url=");
    page_escape(out, page->url);
    bytes_add_text(out, "\"></noscript>\n<meta http-equiv=\"refresh\" "
                        "content=\"2;url=");
    page_escape(out, page->url);
    bytes_add_text(out, "\">\n<p><a id=\"go\" href=\"");
    page_escape(out, page->url);
    bytes_add_text(out, "\" data-keep=\"");
    page_escape(out, page->keep);
    bytes_addf(out, "\" data-room=\"%zu\">Go on</a></p>\n<script>", page->room);
    bytes_add_text(out, script);
    bytes_add_text(out, "</script>\n</html>\n");
}

bool
page_leave_policy(struct bytes *out)
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned char text[2 * HASH_SIZE];
    unsigned size = 0;
    if (EVP_Digest(script, sizeof(script) - 1, hash, &size, EVP_sha256(),
                   NULL) != 1)
        return false;
    EVP_EncodeBlock(text, hash, HASH_SIZE); /* CSP wants plain base64 */
    bytes_addf(out, PAGE_CSP "; script-src 'sha256-%s'", (const char *)text);
    return true;
}
