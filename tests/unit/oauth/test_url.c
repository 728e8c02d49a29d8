/* SPDX-License-Identifier: Apache-2.0
 * URLs and the redirect guard: T23 and T24 of the attack list. */
#include "oauth/url.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

static const struct span hosts[] = { { "ok.test", 7 }, { "ok.test:81", 10 } };
static const struct url_guard guard = {
    .base_url = { "https://dash.test:8443", 22 },
    .hosts = hosts,
    .host_count = 2,
};

START_TEST(url_lets_plain_paths_and_named_hosts_pass)
{
    static const char *const texts[] = {
        "/",
        "/dashboard",
        "/dashboard/#/collections/a%20b",
        "/a?b=c&d=//e&f=%5c%0d",
        "/./evil",
        "/a/../b",
        "/a:b@c",
        "/%C3%A4",
        "/a?u=https://evil.test",
        "https://dash.test:8443/x",
        "https://DASH.test:8443",
        "https://ok.test/y?z",
        "https://ok.test:81/y",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        ck_assert_msg(url_rd_is_safe(&guard, span_of(texts[i])), "refused: %s",
                      texts[i]);
}
END_TEST

/* T23 and kin, written from the classes of the known advisories. */
static const char *const redirects[] = {
    "",
    " ",
    "evil",
    "evil.test",
    "//evil.test",
    "///evil.test",
    "////evil.test",
    "/\\evil.test",
    "\\/evil.test",
    "\\\\evil.test",
    "\\/\\/evil.test",
    "/\\/evil.test",
    "/\t/evil.test",
    "/\n/evil.test",
    "/\r/evil.test",
    "\t//evil.test",
    " //evil.test",
    "//evil.test ",
    "/%09/evil.test",
    "/%0a/evil.test",
    "/%0d%0aX:y",
    "/a%0d%0aX:y",
    "/%00",
    "/%2fevil.test",
    "/%2f%2fevil.test",
    "/%2F%2Fevil.test",
    "/%252fevil.test",
    "/%252f%252fevil.test",
    "/%5cevil.test",
    "/%5C%5Cevil.test",
    "/%255cevil.test",
    "/.//evil.test",
    "/..//evil.test",
    "/./%2fevil.test",
    "/a/..//evil.test",
    "/a//evil.test",
    "/x/%2e%2e/%2fevil.test",
    "/%",
    "/%zz",
    "https:evil.test",
    "https:/evil.test",
    "https://evil.test",
    "https:///evil.test",
    "https://",
    "http://ok.test/x",
    "HTTP://ok.test",
    "http://dash.test:8443/",
    "https://dash.test/",
    "https://dash.test:443/",
    "https://dash.test:8443@evil.test",
    "https://ok.test@evil.test",
    "https://ok.test:80@evil.test",
    "https://evil.test#ok.test",
    "https://evil.test\\@ok.test",
    "https://evil.test?ok.test",
    "https://ok.test.evil.test",
    "https://okXtest",
    "https://evilok.test",
    "https://ok.test.",
    "https://ok.test:82/",
    "https://ok.test:81x/",
    "https://ok.test:/",
    "https://ok%2etest",
    "https://ok.test%2fevil",
    "https://ok.test\xe3\x80\x82",
    "https://[::1]/",
    "//[::1]",
    "//0x7f.1",
    "//127.1",
    "javascript:alert(1)",
    "javascript://ok.test/%0aalert(1)",
    "data:text/html,x",
    "file:///etc/passwd",
    "ftp://ok.test",
    "\xef\xbc\x8f\xef\xbc\x8f"
    "evil.test",
    "/\xef\xbc\x8f"
    "evil.test",
    "/\xc4\x8d\xc4\x8a",
    "/a b",
    "/a\"b",
    "/<x>",
    "/a\x7f",
    "/oauth2/start",
    "/oauth2/sign_out",
    "/oauth2",
    "/./oauth2/start",
    "/a/../oauth2/start",
    "/%6fauth2/start",
    "/oauth2%2fstart",
    "https://dash.test:8443//evil.test",
    "https://dash.test:8443/oauth2/start",
    "https://dash.test:8443\\evil",
    "?a=b",
    "#a",
    "../x",
    "./x",
};

START_TEST(url_refuses_every_open_redirect)
{
    for (size_t i = 0; i < sizeof(redirects) / sizeof(redirects[0]); i++)
        ck_assert_msg(!url_rd_is_safe(&guard, span_of(redirects[i])),
                      "accepted: %s", redirects[i]);
    ck_assert(!url_rd_is_safe(&guard, (struct span){ "/a\0b", 4 }));
    static char huge[9216];
    memset(huge, 'a', sizeof(huge) - 1);
    huge[0] = '/';
    ck_assert(!url_rd_is_safe(&guard, span_of(huge)));
    ck_assert(
        !url_rd_is_safe(&guard, (struct span){ huge, URL_RD_SIZE_MAX + 1 }));
    ck_assert(url_rd_is_safe(&guard, (struct span){ huge, URL_RD_SIZE_MAX }));
}
END_TEST

START_TEST(url_cuts_a_url_into_its_pieces)
{
    struct url url;
    ck_assert(url_parse(span_of("https://h.test:81/p/q?a=b#c"), &url));
    ck_assert(span_equal_text(url.scheme, "https"));
    ck_assert(span_equal_text(url.authority, "h.test:81"));
    ck_assert(span_equal_text(url.host, "h.test"));
    ck_assert(span_equal_text(url.port, "81"));
    ck_assert(span_equal_text(url.path, "/p/q"));
    ck_assert(span_equal_text(url.query, "a=b"));
    ck_assert(url.has_fragment);
    ck_assert(url_parse(span_of("http://[::1]:8080"), &url));
    ck_assert(span_equal_text(url.host, "::1"));
    ck_assert(url_is_loopback(&url));
    static const char *const bad[] = {
        "https",       "https:",           "https://",     "https://a:0",
        "https://a:x", "https://a:65536",  "https://[::1", "https://[::1]x",
        "https://[]",  "https://a:999999", "https://u@h/", "gopher://a",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_msg(!url_parse(span_of(bad[i]), &url), "%s", bad[i]);
}
END_TEST

START_TEST(url_takes_https_and_only_loopback_http_for_endpoints)
{
    ck_assert(url_is_endpoint(span_of("https://idp.test/x"), false));
    ck_assert(!url_is_endpoint(span_of("https://idp.test/x#f"), false));
    ck_assert(!url_is_endpoint(span_of("http://127.0.0.1/x"), false));
    ck_assert(url_is_endpoint(span_of("http://127.0.0.1:80/x"), true));
    ck_assert(url_is_endpoint(span_of("http://localhost/x"), true));
    ck_assert(!url_is_endpoint(span_of("http://127.evil.test/"), true));
    ck_assert(!url_is_endpoint(span_of("http://127.1/"), true));
    ck_assert(!url_is_endpoint(span_of("http://localhost.evil.test"), true));
    ck_assert(!url_is_endpoint(span_of("http://169.254.169.254/"), true));
    ck_assert(!url_is_endpoint(span_of("file:///x"), true));
}
END_TEST

static enum url_param
param(const char *query, const char *name, char *ret, size_t size)
{
    struct bytes value;
    bytes_init(&value, size);
    enum url_param found = url_param(span_of(query), name, &value);
    memcpy(ret, value.data == NULL ? "" : value.data, value.size + 1);
    bytes_release(&value);
    return found;
}

START_TEST(url_finds_a_parameter_that_is_there_once)
{
    char value[32];
    ck_assert_int_eq(param("a=1&b=x%20y+z&c", "b", value, 31), URL_PARAM_FOUND);
    ck_assert_str_eq(value, "x y z");
    ck_assert_int_eq(param("a=1&b", "b", value, 31), URL_PARAM_FOUND);
    ck_assert_str_eq(value, "");
    ck_assert_int_eq(param("ab=1&=b&&", "b", value, 31), URL_PARAM_ABSENT);
    ck_assert_int_eq(param("", "b", value, 31), URL_PARAM_ABSENT);
    ck_assert_int_eq(param("b=%zz", "b", value, 31), URL_PARAM_BAD);
    ck_assert_int_eq(param("b=%0", "b", value, 31), URL_PARAM_BAD);
    ck_assert_int_eq(param("b=%00", "b", value, 31), URL_PARAM_BAD);
    ck_assert_int_eq(param("b=1&b=1", "b", value, 31), URL_PARAM_BAD);
    ck_assert_int_eq(param("b=1&%62=1", "b", value, 31), URL_PARAM_BAD);
    ck_assert_int_eq(param("b=1&b[]=1", "b", value, 31), URL_PARAM_BAD);
    ck_assert_int_eq(param("b=12345678", "b", value, 4), URL_PARAM_BAD);
}
END_TEST

START_TEST(url_param_stops_at_its_limits)
{
    static char query[URL_QUERY_SIZE_MAX + 2];
    struct bytes value;
    bytes_init(&value, 8);
    memset(query, '&', sizeof(query) - 1);
    ck_assert_int_eq(url_param(span_of(query), "a", &value), URL_PARAM_BAD);
    query[URL_PARAM_COUNT_MAX + 1] = '\0';
    ck_assert_int_eq(url_param(span_of(query), "a", &value), URL_PARAM_BAD);
    query[URL_PARAM_COUNT_MAX] = '\0';
    ck_assert_int_eq(url_param(span_of(query), "a", &value), URL_PARAM_ABSENT);
    bytes_release(&value);
}
END_TEST

START_TEST(url_encodes_everything_reserved)
{
    struct bytes out;
    bytes_init(&out, 64);
    url_encode(span_of("aZ9-._~ /?&=%+\r\xc3"), &out);
    ck_assert_str_eq(out.data, "aZ9-._~%20%2F%3F%26%3D%25%2B%0D%C3");
    bytes_release(&out);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("oauth/url");
    TCase *tcase = tcase_create("url");
    tcase_add_test(tcase, url_lets_plain_paths_and_named_hosts_pass);
    tcase_add_test(tcase, url_refuses_every_open_redirect);
    tcase_add_test(tcase, url_cuts_a_url_into_its_pieces);
    tcase_add_test(tcase, url_takes_https_and_only_loopback_http_for_endpoints);
    tcase_add_test(tcase, url_finds_a_parameter_that_is_there_once);
    tcase_add_test(tcase, url_param_stops_at_its_limits);
    tcase_add_test(tcase, url_encodes_everything_reserved);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
