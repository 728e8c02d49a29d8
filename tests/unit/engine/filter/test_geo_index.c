/* SPDX-License-Identifier: Apache-2.0
 * Areas on the Z curve against a test of every point: nothing is missed, and
 * an answer that calls itself exact is. */
#include "engine/filter/geo_index.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>

#include "tests/fixture/suite.h"

#define POINTS 3000
#define AREAS  400

static uint64_t random_state = 7;

static double
random_part(void)
{
    random_state = random_state * UINT64_C(6364136223846793005) +
                   UINT64_C(1442695040888963407);
    return (double)(random_state >> 11) / 9007199254740992.0;
}

/* Everywhere, or in a crowd; poles and the date line now and then. */
static struct geo_point
random_point(void)
{
    struct geo_point point = { 360 * random_part() - 180,
                               180 * random_part() - 90 };
    if (random_part() < 0.5)
        point = (struct geo_point){ 13 + random_part(), 52 + random_part() };
    if (random_part() < 0.05)
        point.lon = random_part() < 0.5 ? -180 : 180;
    if (random_part() < 0.05)
        point.lat = random_part() < 0.5 ? -90 : 90;
    return point;
}

static struct geo_area
random_area(struct geo_point ring[6])
{
    double size = pow(10, 4 * random_part() - 2); /* degrees */
    struct geo_area area = { .kind = (enum geo_kind)(random_part() * 3) };
    area.center = random_point();
    area.radius_m = size * 111195;
    area.top_left = random_point();
    area.bottom_right =
        (struct geo_point){ area.top_left.lon + size > 180
                                ? area.top_left.lon + size - 360
                                : area.top_left.lon + size,
                            fmax(-90, area.top_left.lat - size) };
    for (size_t i = 0; i < 5; i++)
        ring[i] = (struct geo_point){
            fmin(180, area.center.lon + size * random_part()),
            fmin(90, area.center.lat + size * random_part())
        };
    ring[5] = ring[0];
    area.exterior = (struct geo_ring){ ring, 6 };
    return area;
}

START_TEST(geo_index_misses_nothing)
{
    static struct geo_point points[POINTS];
    struct number_index *index = number_index_new(NULL);
    size_t exact_count = 0, found_count = 0;
    ck_assert_ptr_nonnull(index);
    for (uint32_t slot = 0; slot < POINTS; slot++) {
        bool is_added;
        points[slot] = random_point();
        ck_assert_int_eq(number_index_add(index,
                                          geo_index_entry(points[slot], slot),
                                          &is_added, NULL),
                         ENGINE_OK);
    }
    for (size_t i = 0; i < AREAS; i++) {
        struct geo_point ring[6];
        struct geo_area area = random_area(ring);
        struct slot_set *set = slot_set_new();
        bool is_exact;
        ck_assert_int_eq(geo_index_area(index, &area, set, &is_exact, NULL),
                         ENGINE_OK);
        for (uint32_t slot = 0; slot < POINTS; slot++) {
            bool holds = geo_area_holds(&area, points[slot]);
            bool has = slot_set_contains(set, slot);
            ck_assert_msg(has == holds || (has && !is_exact),
                          "area %zu of kind %d, slot %u: %d", i, area.kind,
                          slot, holds);
            found_count += holds;
        }
        exact_count += is_exact;
        slot_set_free(set);
    }
    ck_assert_uint_gt(exact_count, AREAS / 2);
    ck_assert_uint_gt(found_count, AREAS);
    number_index_free(index);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("filter/geo_index");
    TCase *tcase = tcase_create("geo_index");
    tcase_add_test(tcase, geo_index_misses_nothing);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
