/* SPDX-License-Identifier: Apache-2.0
 * The OpenAPI document is true to the table of routes: the same paths and
 * methods, a path parameter for each {x}, a body where one is read. */
#include "engine/api/openapi.h"

#include "engine/api/call.h"
#include "engine/api/rest.h"
#include "engine/codec/json_reader.h"

#include <check.h>
#include <string.h>

#include "tests/fixture/suite.h"

static yyjson_doc *doc;
static yyjson_val *paths;

static void
setup(void)
{
    doc = json_text_read(
        (struct span){ (const char *)openapi_text, openapi_text_size });
    ck_assert_ptr_nonnull(doc);
    paths = yyjson_obj_get(yyjson_doc_get_root(doc), "paths");
    ck_assert(yyjson_is_obj(paths));
}

static void
teardown(void)
{
    yyjson_doc_free(doc);
}

static const char *
method_of(const struct route *route)
{
    switch (route->method) {
    case REQUEST_GET:
        return "get";
    case REQUEST_PUT:
        return "put";
    case REQUEST_POST:
        return "post";
    case REQUEST_PATCH:
        return "patch";
    case REQUEST_DELETE:
        return "delete";
    case REQUEST_HEAD:
    case REQUEST_OPTIONS:
    case REQUEST_OTHER:
        break;
    }
    return "";
}

static bool
is_served(const struct route *route)
{
    return route->run != service_unsupported;
}

/* How many parameters of the path it describes. */
static size_t
path_parameters(yyjson_val *operation)
{
    size_t index, max, count = 0;
    yyjson_val *parameter;
    yyjson_arr_foreach(yyjson_obj_get(operation, "parameters"), index, max,
                       parameter) count +=
        yyjson_equals_str(yyjson_obj_get(parameter, "in"), "path");
    return count;
}

START_TEST(openapi_names_every_route)
{
    for (size_t i = 0; i < api_routes_count; i++) {
        const struct route *route = &api_routes[i];
        yyjson_val *operation = yyjson_obj_get(
            yyjson_obj_get(paths, route->pattern), method_of(route));
        if (!is_served(route)) {
            ck_assert_msg(operation == NULL, "%s is not served",
                          route->pattern);
            continue;
        }
        ck_assert_msg(operation != NULL, "%s %s is missing in openapi.json",
                      method_of(route), route->pattern);
        bool has_body = yyjson_obj_get(operation, "requestBody") != NULL;
        bool takes_body = (route->flags & (ROUTE_BODY | ROUTE_UPLOAD)) != 0;
        ck_assert_msg(has_body == takes_body, "%s %s: the body",
                      method_of(route), route->pattern);
        size_t count = 0;
        for (const char *at = route->pattern; *at != '\0'; at++)
            count += *at == '{';
        ck_assert_msg(path_parameters(operation) == count,
                      "%s %s: parameters of the path", method_of(route),
                      route->pattern);
    }
}
END_TEST

START_TEST(openapi_names_nothing_else)
{
    size_t index, max, inner_index, inner_max;
    yyjson_val *path, *operations, *method, *operation;
    yyjson_obj_foreach(paths, index, max, path, operations)
    {
        yyjson_obj_foreach(operations, inner_index, inner_max, method,
                           operation)
        {
            bool is_there = false;
            for (size_t i = 0; i < api_routes_count; i++)
                is_there |=
                    is_served(&api_routes[i]) &&
                    yyjson_equals_str(path, api_routes[i].pattern) &&
                    yyjson_equals_str(method, method_of(&api_routes[i]));
            ck_assert_msg(is_there, "%s %s is no route", yyjson_get_str(method),
                          yyjson_get_str(path));
        }
    }
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("engine/api/openapi");
    TCase *tcase = tcase_create("openapi");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, openapi_names_every_route);
    tcase_add_test(tcase, openapi_names_nothing_else);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
