/* SPDX-License-Identifier: Apache-2.0
 * The document of service discovery: the addresses that people and programs
 * will use, and no value that could break out of its quotes. */
#include "tools/service.h"

#include "tests/fixture/suite.h"

#include <string.h>

static struct service_options options;
static struct bytes text;
static struct fault fault;

static void
setup(void)
{
    options = (struct service_options){ .name = "qdrant",
                                        .service_namespace = "qdrant",
                                        .domain = "example.com",
                                        .component_version = "0.1.0",
                                        .http_port = 6333,
                                        .grpc_port = 6334 };
    bytes_init(&text, SERVICE_TEXT_SIZE_MAX);
}

static void
teardown(void)
{
    bytes_release(&text);
}

START_TEST(addresses_follow_from_the_domain)
{
    ck_assert(service_text(&options, &text, &fault));
    static const char *const wanted[] = {
        "url: \"https://qdrant-dashboard.example.com\"",
        "health_url: \"https://qdrant.example.com/collections\"",
        "url: \"http://qdrant.qdrant.svc.cluster.local:6333\"",
        "url: \"qdrant.qdrant.svc.cluster.local:6334\"",
        "{name: \"QDRANT_GRPC_PORT\", value: \"6334\"}",
        "resource_name: \"qdrant\"",
        "component_version: \"0.1.0\"",
    };
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
        ck_assert_msg(strstr(text.data, wanted[i]) != NULL, "%s", wanted[i]);
}
END_TEST

START_TEST(values_that_break_out_are_refused)
{
    static const char *const bad[] = { "", "a b", "a\"b", "a\\b", "a\nb" };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        options.domain = bad[i];
        ck_assert(!service_text(&options, &text, &fault));
        ck_assert_ptr_nonnull(strstr(fault.text, "--domain"));
    }
    options.domain = NULL;
    ck_assert(!service_text(&options, &text, &fault));
}
END_TEST

START_TEST(the_config_map_has_the_labels_that_are_looked_for)
{
    ck_assert(service_text(&options, &text, &fault));
    json_t *map = service_config_map(&options, &text);
    char *name = NULL, *managed = NULL, *service = NULL, *body = NULL;
    ck_assert_int_eq(json_unpack(map, "{s:{s:s,s:{s:s,s:s}},s:{s:s}}",
                                 "metadata", "name", &name, "labels",
                                 "thinkube.io/managed", &managed,
                                 "thinkube.io/service-name", &service, "data",
                                 "service.yaml", &body),
                     0);
    ck_assert_str_eq(name, "thinkube-service-config");
    ck_assert_str_eq(managed, "true");
    ck_assert_str_eq(service, "qdrant");
    ck_assert_str_eq(body, text.data);
    json_decref(map);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("tools/service");
    TCase *tests = tcase_create("service");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, addresses_follow_from_the_domain);
    tcase_add_test(tests, values_that_break_out_are_refused);
    tcase_add_test(tests, the_config_map_has_the_labels_that_are_looked_for);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
