/* SPDX-License-Identifier: Apache-2.0
 * Role names out of claims: Keycloak's shapes, and shapes of nobody. */
#include "oauth/roles.h"

#include "oauth/json.h"

#include <check.h>
#include <stdlib.h>

#include "tests/fixture/suite.h"

static struct bytes out;

static void
setup(void)
{
    bytes_init(&out, ROLES_SIZE_MAX);
}

static void
teardown(void)
{
    bytes_release(&out);
}

static void
collect(const char *claims)
{
    json_t *root = NULL;
    ck_assert_int_eq(json_parse(span_of(claims), 65536, "claims", &root, NULL),
                     OAUTH_OK);
    roles_collect(root, span_of("me"), &out);
    json_decref(root);
}

START_TEST(roles_come_from_realm_own_client_and_plain_claim)
{
    collect("{\"roles\":[\"a\"],\"realm_access\":{\"roles\":[\"b\",\"a\"]},"
            "\"resource_access\":{\"me\":{\"roles\":[\"c\"]},"
            "\"other\":{\"roles\":[\"d\"]}}}");
    ck_assert(span_equal_text(bytes_span(&out), "a\nb\nc"));
}
END_TEST

START_TEST(roles_leave_out_what_is_no_name)
{
    collect("{\"roles\":[7,null,\"\",\"a\\nadmin\",[\"x\"],\"ok\"],"
            "\"realm_access\":[\"x\"],\"resource_access\":{\"me\":7}}");
    ck_assert(span_equal_text(bytes_span(&out), "ok"));
    bytes_release(&out);
    collect("{\"roles\":\"admin\",\"realm_access\":{\"roles\":\"admin\"},"
            "\"resource_access\":\"me\"}");
    ck_assert_uint_eq(out.size, 0);
}
END_TEST

/* Too many mean fewer rights, never a failure; and no name is cut. */
START_TEST(roles_stop_at_the_maximum)
{
    bytes_release(&out);
    bytes_init(&out, 8);
    collect("{\"roles\":[\"abc\",\"defgh\",\"de\"]}");
    ck_assert(!bytes_failed(&out));
    ck_assert(span_equal_text(bytes_span(&out), "abc\nde"));
}
END_TEST

START_TEST(roles_and_groups_are_two_things)
{
    json_t *root = NULL;
    ck_assert_int_eq(json_parse(span_of("{\"groups\":[\"/g\"]}"), 100, "claims",
                                &root, NULL),
                     OAUTH_OK);
    roles_collect(root, span_of("me"), &out);
    ck_assert_uint_eq(out.size, 0);
    roles_collect_groups(root, &out);
    ck_assert(span_equal_text(bytes_span(&out), "/g"));
    json_decref(root);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("oauth/roles");
    TCase *tcase = tcase_create("roles");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, roles_come_from_realm_own_client_and_plain_claim);
    tcase_add_test(tcase, roles_leave_out_what_is_no_name);
    tcase_add_test(tcase, roles_stop_at_the_maximum);
    tcase_add_test(tcase, roles_and_groups_are_two_things);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
