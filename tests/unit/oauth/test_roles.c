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

/* Keycloak may name the realm's roles as groups, too. */
START_TEST(roles_merge_names_each_once)
{
    roles_merge(span_of("a\nb"), &out);
    roles_merge(span_of("b\nc,d\na"), &out);
    roles_merge(span_of(""), &out);
    ck_assert(span_equal_text(bytes_span(&out), "a\nb\nc,d"));
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

static const char many[] =
    "{\"roles\":[\"a\"],\"realm_access\":{\"roles\":[\"b\"]},"
    "\"resource_access\":{\"me\":{\"roles\":[\"c\"]},"
    "\"https://x:1/y\":{\"roles\":[\"d\",\"e:f\"]},\"\":{\"roles\":[\"g\"]},"
    "\"a\\tb\":{\"roles\":[\"h\"]}},"
    "\"text\":\"t\",\"list\":[\"u\",7,\"v\"],\"yes\":true,\"n\":-5,"
    "\"object\":{\"a\":1},\"line\":\"x\\ny\"}";

/* A role of a client never counts as one of the realm, nor as another's. */
START_TEST(roles_of_realm_and_clients_are_kept_apart)
{
    json_t *root = NULL;
    ck_assert_int_eq(json_parse(span_of(many), 65536, "claims", &root, NULL),
                     OAUTH_OK);
    roles_collect_realm(root, &out);
    ck_assert(span_equal_text(bytes_span(&out), "a\nb"));
    bytes_release(&out);
    roles_collect_clients(root, &out);
    ck_assert(span_equal_text(bytes_span(&out), "me\tc\nhttps://x:1/y\td\n"
                                                "https://x:1/y\te:f"));
    json_decref(root);
}
END_TEST

START_TEST(roles_collect_only_the_claims_asked_for)
{
    json_t *root = NULL;
    ck_assert_int_eq(json_parse(span_of(many), 65536, "claims", &root, NULL),
                     OAUTH_OK);
    roles_collect_claims(root, span_of(""), &out);
    ck_assert_uint_eq(out.size, 0);
    roles_collect_claims(
        root, span_of("text\nlist\nyes\nn\nobject\nline\nabsent\n"), &out);
    ck_assert(span_equal_text(bytes_span(&out),
                              "text\tt\nlist\tu\nlist\tv\nyes\ttrue\nn\t-5"));
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
    tcase_add_test(tcase, roles_merge_names_each_once);
    tcase_add_test(tcase, roles_and_groups_are_two_things);
    tcase_add_test(tcase, roles_of_realm_and_clients_are_kept_apart);
    tcase_add_test(tcase, roles_collect_only_the_claims_asked_for);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
