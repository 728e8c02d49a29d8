/* SPDX-License-Identifier: Apache-2.0
 * Numbers of an area and of points, each two bytes of a grid or eight of a
 * double: what the index finds on its curve is what a test of each point says,
 * and a place known but for a margin is never said to be what it is not. */
#include "engine/filter/geo_index.h"

#include <assert.h>
#include <math.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define POINTS_MAX 128
#define RINGS_MAX  3
#define RING_MAX   16
#define MARGIN_MIN 1e-9 /* degrees; a step of the index is 8e-8 */

struct input {
    const uint8_t *data;
    size_t size;
};

static uint8_t
byte(struct input *input)
{
    if (input->size == 0)
        return 0;
    input->size--;
    return *input->data++;
}

/* Within -most..most. An even byte: 256 steps, so that edges meet. */
static double
degrees(struct input *input, double most)
{
    uint8_t kind = byte(input);
    double number;
    if (kind % 2 == 0 || input->size < sizeof(number))
        return most * (byte(input) - 128) / 128.0 * (kind % 4 == 0 ? 1 : 1.008);
    memcpy(&number, input->data, sizeof(number));
    input->data += sizeof(number);
    input->size -= sizeof(number);
    return isfinite(number) ? number : most;
}

static struct geo_point
point(struct input *input)
{
    double lon = degrees(input, 180), lat = degrees(input, 90);
    return (struct geo_point){ fmin(180, fmax(-180, lon)),
                               fmin(90, fmax(-90, lat)) };
}

static struct geo_ring
ring(struct input *input, struct geo_point points[RING_MAX + 1])
{
    size_t count = 3 + byte(input) % (RING_MAX - 2);
    for (size_t i = 0; i < count; i++)
        points[i] = point(input);
    points[count] = points[0];
    return (struct geo_ring){ points, count + 1 };
}

static struct geo_area
area_of(struct input *input, struct geo_ring rings[RINGS_MAX],
        struct geo_point points[RINGS_MAX][RING_MAX + 1])
{
    struct geo_area area = { .kind = (enum geo_kind)(byte(input) % 3) };
    if (area.kind == GEO_BOX) {
        area.top_left = point(input);
        area.bottom_right = point(input);
    } else if (area.kind == GEO_RADIUS) {
        area.center = point(input);
        area.radius_m = degrees(input, 2.1e7);
    } else {
        area.exterior = ring(input, points[0]);
        area.interiors_count = byte(input) % RINGS_MAX;
        for (size_t i = 0; i < area.interiors_count; i++)
            rings[i] = ring(input, points[i + 1]);
        area.interiors = rings;
    }
    return area;
}

static void
check_place(const struct geo_area *area, struct geo_point middle,
            struct geo_point near)
{
    double margin =
        fmax(fabs(middle.lon - near.lon), fabs(middle.lat - near.lat));
    margin = fmax(margin, MARGIN_MIN);
    enum geo_place place = geo_area_place(area, middle, margin);
    bool holds = geo_area_holds(area, near);
    assert(place == GEO_UNSURE || holds == (place == GEO_INSIDE));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct geo_point ring_points[RINGS_MAX][RING_MAX + 1];
    static struct geo_point points[POINTS_MAX];
    struct geo_ring rings[RINGS_MAX];
    struct input input = { data, size };
    struct geo_area area = area_of(&input, rings, ring_points);
    struct number_index *index = number_index_new(NULL);
    struct slot_set *set = slot_set_new();
    uint32_t count = 0;
    assert(index != NULL && set != NULL);
    while (count < POINTS_MAX && input.size > 0) {
        bool is_added;
        points[count] = point(&input);
        enum engine_code code = number_index_add(
            index, geo_index_entry(points[count], count), &is_added, NULL);
        assert(code == ENGINE_OK && is_added);
        count++;
    }
    bool is_exact;
    enum engine_code code = geo_index_area(index, &area, set, &is_exact, NULL);
    assert(code == ENGINE_OK);
    for (uint32_t slot = 0; slot < count; slot++) {
        bool holds = geo_area_holds(&area, points[slot]);
        bool has = slot_set_contains(set, slot);
        assert(has == holds || (has && !is_exact));
        check_place(&area, points[slot], points[slot]);
        if (slot > 0)
            check_place(&area, points[slot - 1], points[slot]);
    }
    slot_set_free(set);
    number_index_free(index);
    return 0;
}
