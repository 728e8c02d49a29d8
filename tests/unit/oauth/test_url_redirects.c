/* SPDX-License-Identifier: Apache-2.0
 * T23 of the attack list: the redirect guard against every target of
 * tests/login/redirects.txt, which login/redirects.py makes. */
#include "oauth/url.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

static const struct url_guard guard = {
    .base_url = { "https://dash.example.test", 25 },
};

/* Whether a browser that sees `rd` as Location stays: one slash and then a
 * path, or our own origin; nothing that a browser drops, repairs or reads as
 * another slash. On purpose by patterns, unlike the guard. */
static bool
stays_here(struct span rd)
{
    static const char own[] = "https://dash.example.test";
    for (size_t i = 0; i < rd.size; i++) {
        if (rd.data[i] <= 0x20 || rd.data[i] >= 0x7f || rd.data[i] == '\\')
            return false;
    }
    if (span_starts(rd, own)) {
        char next = rd.size > sizeof(own) - 1 ? rd.data[sizeof(own) - 1] : '/';
        return next == '/' || next == '?' || next == '#';
    }
    return rd.size > 0 && rd.data[0] == '/' &&
           (rd.size == 1 || rd.data[1] != '/');
}

struct tally {
    size_t refused;
    size_t harmless;
};

static void
judge(const char *line, struct tally *tally)
{
    struct bytes rd;
    bytes_init(&rd, (size_t)64 << 10);
    /* What does not decode (a NUL) is refused before the guard. */
    if (url_decode(span_of(line), &rd) &&
        url_rd_is_safe(&guard, bytes_span(&rd))) {
        ck_assert_msg(stays_here(bytes_span(&rd)), "leaves: %s", line);
        tally->harmless++;
    } else {
        tally->refused++;
    }
    bytes_release(&rd);
}

START_TEST(url_t23_no_redirect_of_the_list_leaves_our_host)
{
    static char line[(size_t)64 << 10];
    char path[4096];
    struct tally tally = { 0 };
    const char *top = getenv("top_srcdir");
    snprintf(path, sizeof(path), "%s/tests/login/redirects.txt",
             top == NULL ? "." : top);
    FILE *file = fopen(path, "r");
    ck_assert_msg(file != NULL, "%s is not there", path);
    while (fgets(line, sizeof(line), file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] != '#')
            judge(line, &tally);
    }
    fclose(file);
    /* A guard that refuses all, or lets most pass, has lost its sense. */
    ck_assert_uint_ge(tally.refused, 600);
    ck_assert_uint_ge(tally.harmless, 5);
    ck_assert_uint_le(tally.harmless, tally.refused / 4);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("oauth/url_redirects");
    TCase *tcase = tcase_create("redirects");
    tcase_add_test(tcase, url_t23_no_redirect_of_the_list_leaves_our_host);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
