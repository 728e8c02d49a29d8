/* SPDX-License-Identifier: Apache-2.0
 * The page that looks for a fragment: what changes cannot become markup or
 * script, and the policy names the script that is there. */
#include "oauth/page_leave.h"

#include <check.h>
#include <openssl/evp.h>
#include <string.h>

#include "tests/fixture/suite.h"

static struct bytes out;
static struct bytes policy;

static void
setup(void)
{
    bytes_init(&out, (size_t)64 << 10);
    bytes_init(&policy, 1024);
}

static void
teardown(void)
{
    bytes_release(&out);
    bytes_release(&policy);
}

static void
make(const char *url, const char *keep)
{
    const struct page_leave page = { span_of(url), span_of(keep), 1000 };
    page_leave_html(&page, &out);
    ck_assert(page_leave_policy(&policy));
}

START_TEST(page_leave_escapes_what_it_is_given)
{
    make("https://i.test/a?b&c=\"><script>x</script>", "/s?rd='\"><b>");
    ck_assert_ptr_nonnull(strstr(out.data, "?b&amp;c=&quot;&gt;&lt;script"));
    ck_assert_ptr_null(strstr(out.data, "<script>x"));
    ck_assert_ptr_null(strstr(out.data, "<b>"));
    ck_assert_ptr_nonnull(strstr(out.data, "data-room=\"1000\""));
}
END_TEST

START_TEST(page_leave_goes_on_without_scripts)
{
    make("https://i.test/a", "/s?rd=");
    ck_assert_ptr_nonnull(
        strstr(out.data, "<noscript><meta http-equiv=\"refresh\" "
                         "content=\"0;url=https://i.test/a\"></noscript>"));
    ck_assert_ptr_nonnull(strstr(out.data, "href=\"https://i.test/a\""));
}
END_TEST

/* A policy of nginx's add_header beside ours forbids the script, and scripts
 * are still on. The first refresh in a document is the one that counts. */
START_TEST(page_leave_goes_on_where_another_policy_forbids_its_script)
{
    make("https://i.test/a\">", "/s?rd=");
    const char *last = strstr(out.data, "</noscript>");
    ck_assert_ptr_nonnull(last);
    ck_assert_ptr_nonnull(
        strstr(last, "<meta http-equiv=\"refresh\" "
                     "content=\"2;url=https://i.test/a&quot;&gt;\">"));
}
END_TEST

START_TEST(page_leave_permits_its_own_script_and_no_other)
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned char text[64];
    unsigned size = 0;
    make("https://i.test/a", "/s?rd=");
    const char *from = strstr(out.data, "<script>");
    ck_assert_ptr_nonnull(from);
    from += sizeof("<script>") - 1;
    const char *to = strstr(from, "</script>");
    ck_assert_ptr_nonnull(to);
    ck_assert_ptr_null(strstr(to, "<script"));
    ck_assert_int_eq(
        EVP_Digest(from, (size_t)(to - from), hash, &size, EVP_sha256(), NULL),
        1);
    EVP_EncodeBlock(text, hash, (int)size);
    const char *said = strstr(policy.data, "script-src 'sha256-");
    ck_assert_ptr_nonnull(said);
    said += sizeof("script-src 'sha256-") - 1;
    ck_assert_int_eq(strncmp(said, (char *)text, strlen((char *)text)), 0);
    ck_assert_ptr_nonnull(strstr(policy.data, "default-src 'none'"));
    ck_assert_ptr_nonnull(strstr(policy.data, "frame-ancestors 'none'"));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("oauth/page_leave");
    TCase *tcase = tcase_create("page_leave");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, page_leave_escapes_what_it_is_given);
    tcase_add_test(tcase, page_leave_goes_on_without_scripts);
    tcase_add_test(tcase,
                   page_leave_goes_on_where_another_policy_forbids_its_script);
    tcase_add_test(tcase, page_leave_permits_its_own_script_and_no_other);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
