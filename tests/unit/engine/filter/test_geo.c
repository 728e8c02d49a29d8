/* SPDX-License-Identifier: Apache-2.0
 * Which points lie in which areas; figures of the reference engine. */
#include "engine/filter/geo.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

static bool
holds(const struct geo_area *area, double lon, double lat)
{
    return geo_area_holds(area, (struct geo_point){ lon, lat });
}

static struct geo_area
box(double left, double top, double right, double bottom)
{
    return (struct geo_area){ .kind = GEO_BOX,
                              .top_left = { left, top },
                              .bottom_right = { right, bottom } };
}

START_TEST(geo_box_is_open)
{
    struct geo_area area = box(0, 10, 10, 0);
    ck_assert(holds(&area, 5, 5));
    ck_assert(!holds(&area, 0, 5));
    ck_assert(!holds(&area, 10, 5));
    ck_assert(!holds(&area, 5, 0));
    ck_assert(!holds(&area, 5, 10));
    area = box(0, 0, 10, 10); /* upside down */
    ck_assert(!holds(&area, 5, 5));
    area = box(-180, 90, 180, -90);
    ck_assert(holds(&area, 179, 1));
    ck_assert(!holds(&area, 180, 0));
}
END_TEST

START_TEST(geo_box_crosses_the_date_line)
{
    struct geo_area area = box(170, 10, -170, -10);
    ck_assert(holds(&area, 180, 0));
    ck_assert(holds(&area, -180, 0));
    ck_assert(holds(&area, 179, 1));
    ck_assert(!holds(&area, 0, 0));
    ck_assert(!holds(&area, 170, 0));
    ck_assert(!holds(&area, 179, 10));
}
END_TEST

START_TEST(geo_radius_is_metres_on_the_surface)
{
    struct geo_area area = { .kind = GEO_RADIUS, .center = { 0, 90 } };
    area.radius_m = 10; /* every longitude is one place at the pole */
    ck_assert(holds(&area, 45, 90));
    area.center = (struct geo_point){ 180, 0 };
    ck_assert(holds(&area, -180, 0));
    area.radius_m = 0;
    ck_assert(!holds(&area, 180, 0));
    area.radius_m = NAN;
    ck_assert(!holds(&area, 180, 0));
    area.radius_m = INFINITY;
    ck_assert(holds(&area, 0, 0));
    double degree =
        geo_distance((struct geo_point){ 0, 0 }, (struct geo_point){ 0, 1 });
    ck_assert_double_eq_tol(degree, 111195.0802, 0.001);
}
END_TEST

/* A square of ten degrees at the origin. */
static const struct geo_point square[] = {
    { 0, 0 }, { 10, 0 }, { 10, 10 }, { 0, 10 }, { 0, 0 }
};
static const struct geo_point backwards[] = {
    { 0, 0 }, { 0, 10 }, { 10, 10 }, { 10, 0 }, { 0, 0 }
};
static const struct geo_point hole[] = {
    { 4, 4 }, { 6, 4 }, { 6, 6 }, { 4, 6 }, { 4, 4 }
};

START_TEST(geo_polygon_is_open_and_has_holes)
{
    struct geo_ring holes[] = { { hole, 5 } };
    struct geo_area area = { .kind = GEO_POLYGON,
                             .exterior = { _i == 0 ? square : backwards, 5 } };
    ck_assert(holds(&area, 5, 5));
    ck_assert(!holds(&area, 10, 5));
    ck_assert(!holds(&area, 10, 10));
    ck_assert(!holds(&area, 0, 0));
    ck_assert(!holds(&area, 20, 0)); /* on the line of an edge */
    ck_assert(!holds(&area, -1, 10));
    area.interiors = holes;
    area.interiors_count = 1;
    ck_assert(!holds(&area, 5, 5));
    ck_assert(!holds(&area, 4, 5)); /* on the hole's edge */
    ck_assert(holds(&area, 3.9, 5));
}
END_TEST

START_TEST(geo_polygon_may_cross_itself)
{
    static const struct geo_point bow[] = {
        { -1, 4 }, { 11, 6 }, { 11, 4 }, { -1, 6 }, { -1, 4 }
    };
    struct geo_area area = { .kind = GEO_POLYGON, .exterior = { bow, 5 } };
    ck_assert(holds(&area, 10, 5));
    ck_assert(holds(&area, 0, 5));
    ck_assert(!holds(&area, 5, 5)); /* where it crosses */
    ck_assert(!holds(&area, 5, 5.5));
}
END_TEST

static const struct {
    const char *json;
    bool is_good;
} values[] = {
    { "{\"lon\":1,\"lat\":2.5}", true },
    { "{\"lat\":2.5,\"lon\":1,\"alt\":3}", true },
    { "{\"lon\":180,\"lat\":-90}", true },
    { "{\"lon\":180.001,\"lat\":0}", false },
    { "{\"lon\":0,\"lat\":91}", false },
    { "{\"lon\":\"1\",\"lat\":0}", false },
    { "{\"lon\":null,\"lat\":0}", false },
    { "{\"lon\":1}", false },
    { "[1,2]", false },
    { "\"1,2\"", false },
};

START_TEST(geo_reads_points_within_bounds)
{
    struct geo_point point;
    yyjson_doc *doc = yyjson_read(values[_i].json, strlen(values[_i].json), 0);
    bool is_read = geo_point_read(yyjson_doc_get_root(doc), &point);
    ck_assert_msg(is_read == values[_i].is_good, "%s", values[_i].json);
    yyjson_doc_free(doc);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("filter/geo");
    TCase *tcase = tcase_create("geo");
    tcase_add_test(tcase, geo_box_is_open);
    tcase_add_test(tcase, geo_box_crosses_the_date_line);
    tcase_add_test(tcase, geo_radius_is_metres_on_the_surface);
    tcase_add_loop_test(tcase, geo_polygon_is_open_and_has_holes, 0, 2);
    tcase_add_test(tcase, geo_polygon_may_cross_itself);
    tcase_add_loop_test(tcase, geo_reads_points_within_bounds, 0,
                        (int)(sizeof(values) / sizeof(values[0])));
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
