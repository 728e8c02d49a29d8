/* SPDX-License-Identifier: Apache-2.0
 * HTML and JSON bodies. Everything variable goes through one of two escapers,
 * so a provider's error text can never become markup. */
#include "oauth/page.h"

#include "oauth/json.h"

#include <string.h>

void
page_escape(struct bytes *out, struct span text)
{
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if (c == '&')
            bytes_add_text(out, "&amp;");
        else if (c == '<')
            bytes_add_text(out, "&lt;");
        else if (c == '>')
            bytes_add_text(out, "&gt;");
        else if (c == '"')
            bytes_add_text(out, "&quot;");
        else if (c == '\'')
            bytes_add_text(out, "&#39;");
        else if ((unsigned char)c < 0x20 || c == 0x7f)
            bytes_add_char(out, ' ');
        else
            bytes_add_char(out, c);
    }
}

static void
add_head(const struct page *page, struct bytes *out)
{
    bytes_add_text(
        out, "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
             "<meta name=\"viewport\" content=\"width=device-width\">\n");
    if (page->forward_url.size > 0) {
        bytes_add_text(out, "<meta http-equiv=\"refresh\" content=\"0;url=");
        page_escape(out, page->forward_url);
        bytes_add_text(out, "\">\n");
    }
    bytes_add_text(out, "<title>");
    page_escape(out, span_of(page->title));
    bytes_add_text(
        out, "</title>\n<style>\n"
             "body{font:16px/1.5 system-ui,sans-serif;max-width:34em;"
             "margin:12vh auto;padding:0 1.5em;color:#1c2330;background:#fff}\n"
             "h1{font-size:1.4em}code{color:#566}\n"
             "a,button{display:inline-block;font:inherit;padding:.5em 1em;"
             "border:0;border-radius:.4em;background:#2154c5;color:#fff;"
             "text-decoration:none;cursor:pointer}\n"
             "@media(prefers-color-scheme:dark){body{color:#e6e9ef;"
             "background:#14181f}code{color:#9ab}}\n"
             "</style>\n");
}

static void
add_link(const struct page *page, struct bytes *out)
{
    if (page->link_text == NULL)
        return;
    bytes_add_text(out, page->link_is_form ? "<form method=\"post\" action=\""
                                           : "<p><a href=\"");
    page_escape(out, page->link_url);
    bytes_add_text(out, page->link_is_form ? "\"><button>" : "\">");
    page_escape(out, span_of(page->link_text));
    bytes_add_text(out,
                   page->link_is_form ? "</button></form>\n" : "</a></p>\n");
}

void
page_begin(const char *title, struct bytes *out)
{
    const struct page page = { .title = title };
    add_head(&page, out);
    bytes_add_text(out, "<h1>");
    page_escape(out, span_of(title));
    bytes_add_text(out, "</h1>\n");
}

void
page_html(const struct page *page, struct bytes *out)
{
    add_head(page, out);
    bytes_add_text(out, "<h1>");
    page_escape(out, span_of(page->title));
    bytes_add_text(out, "</h1>\n<p>");
    page_escape(out, span_of(page->text));
    bytes_add_text(out, "</p>\n");
    if (page->detail.size > 0) {
        bytes_add_text(out, "<p><code>");
        page_escape(out, page->detail);
        bytes_add_text(out, "</code></p>\n");
    }
    add_link(page, out);
    if (page->request_id.size > 0) {
        bytes_add_text(out, "<p><small>Request <code>");
        page_escape(out, page->request_id);
        bytes_add_text(out, "</code></small></p>\n");
    }
    bytes_add_text(out, "</html>\n");
}

static void
add_member(struct bytes *out, const char *name, struct span value)
{
    bytes_addf(out, "%s\"%s\":", out->data[out->size - 1] == '{' ? "" : ",",
               name);
    json_add_text(out, value);
}

void
page_json_error(const char *name, struct span message, struct span login_url,
                struct bytes *out)
{
    bytes_add_char(out, '{');
    if (bytes_failed(out))
        return;
    add_member(out, "error", span_of(name));
    add_member(out, "message", message);
    if (login_url.size > 0)
        add_member(out, "login_url", login_url);
    bytes_add_text(out, "}\n");
}

static void
add_lines(struct bytes *out, const char *name, struct span lines)
{
    size_t at = 0;
    bytes_addf(out, ",\"%s\":[", name);
    while (at < lines.size) {
        const char *end = memchr(lines.data + at, '\n', lines.size - at);
        size_t size =
            end != NULL ? (size_t)(end - lines.data) - at : lines.size - at;
        if (at > 0)
            bytes_add_char(out, ',');
        json_add_text(out, (struct span){ lines.data + at, size });
        at += size + 1;
    }
    bytes_add_char(out, ']');
}

void
page_json_user(const struct session *session, struct bytes *out)
{
    bytes_add_char(out, '{');
    if (bytes_failed(out))
        return;
    add_member(out, "sub", session->sub);
    add_member(out, "user", session->sub);
    add_member(out, "preferred_username", session->preferred_username);
    add_member(out, "preferredUsername", session->preferred_username);
    add_member(out, "email", session->email);
    add_member(out, "name", session->name);
    add_lines(out, "roles", session->roles);
    add_lines(out, "groups", session->groups);
    bytes_addf(out, ",\"expires_at\":%lld}\n", (long long)session->expires_s);
}
