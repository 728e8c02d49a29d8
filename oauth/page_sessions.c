/* SPDX-License-Identifier: Apache-2.0
 * The list of a user's sessions, for people and for scripts. */
#include "oauth/page_sessions.h"

#include "oauth/json.h"
#include "oauth/page.h"

#include <time.h>

/* UTC to the minute: whose clock else should it be? */
static void
add_time(struct bytes *out, int64_t time_s)
{
    struct tm parts = { 0 };
    time_t time = (time_t)time_s;
    if (gmtime_r(&time, &parts) == NULL)
        return;
    bytes_addf(out, "%04d-%02d-%02d %02d:%02d UTC", parts.tm_year + 1900,
               parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min);
}

static void
add_button(struct bytes *out, struct span url, struct span token,
           const char *text)
{
    bytes_add_text(out, "<form method=\"post\" action=\"");
    page_escape(out, url);
    bytes_add_text(out, "\">");
    if (token.size > 0) {
        bytes_add_text(out, "<input type=\"hidden\" name=\"end\" value=\"");
        page_escape(out, token);
        bytes_add_text(out, "\">");
    }
    bytes_addf(out, "<button>%s</button></form>", text);
}

static void
add_session(const struct page_sessions *page, const struct page_session *item,
            struct bytes *out)
{
    bytes_add_text(out, "<li><p>");
    if (item->is_own)
        bytes_add_text(out, "<strong>This browser</strong><br>\n");
    bytes_add_text(out, "Logged in ");
    add_time(out, item->created_s);
    if (item->address.size > 0) {
        bytes_add_text(out, " from ");
        page_escape(out, item->address);
    }
    bytes_add_text(out, "<br>\n<code>");
    page_escape(out, item->agent.size > 0 ? item->agent
                                          : span_of("unknown program"));
    bytes_add_text(out, "</code></p>\n");
    if (item->is_own)
        add_button(out, page->sign_out_url, (struct span){ NULL, 0 },
                   "Sign out");
    else if (item->token.size > 0)
        add_button(out, page->list_url, item->token, "End this session");
    bytes_add_text(out, "</li>\n");
}

void
page_sessions_html(const struct page_sessions *page, struct bytes *out)
{
    page_begin("Your sessions", out);
    bytes_addf(out, "<p>You are logged in with %zu session%s.</p>\n<ul>\n",
               page->count, page->count == 1 ? "" : "s");
    for (size_t i = 0; i < page->count; i++)
        add_session(page, &page->items[i], out);
    bytes_add_text(out, "</ul>\n");
    if (page->others_token.size > 0)
        add_button(out, page->list_url, page->others_token,
                   "End all other sessions");
    bytes_add_text(out, "</html>\n");
}

static void
add_text(struct bytes *out, const char *name, struct span value)
{
    bytes_addf(out, ",\"%s\":", name);
    json_add_text(out, value);
}

void
page_sessions_json(const struct page_sessions *page, struct bytes *out)
{
    bytes_add_text(out, "{\"sessions\":[");
    for (size_t i = 0; i < page->count; i++) {
        const struct page_session *item = &page->items[i];
        bytes_addf(out,
                   "%s{\"this\":%s,\"created_at\":%lld,\"expires_at\":%lld",
                   i == 0 ? "" : ",", item->is_own ? "true" : "false",
                   (long long)item->created_s, (long long)item->expires_s);
        add_text(out, "address", item->address);
        add_text(out, "user_agent", item->agent);
        if (item->token.size > 0)
            add_text(out, "end", item->token);
        bytes_add_char(out, '}');
    }
    bytes_add_char(out, ']');
    if (page->others_token.size > 0)
        add_text(out, "end_others", page->others_token);
    bytes_add_text(out, "}\n");
}
