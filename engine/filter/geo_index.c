/* SPDX-License-Identifier: Apache-2.0
 * Areas on a Z curve. The boxes around an area become a few ranges of the
 * curve, by descent into quarters: one that lies inside the box, or that is
 * small beside it, is taken whole. Each entry of the ranges is tested. */
#include "engine/filter/geo_index.h"

#include <assert.h>
#include <math.h>

#define STEPS       4294967296.0 /* of each coordinate */
#define MARGIN      (360 / STEPS)
#define RANGES_MAX  256
#define BOXES_MAX   2
#define PART_LEVELS 4 /* a quarter of 1/2^4 of the box is not cut again */
#define DEGREES     (180 / 3.14159265358979323846)
#define EARTH_M     6371000.0 /* a little less than the radius: wider boxes */

/* Steps, both ends included. */
struct grid_box {
    uint32_t left, right, bottom, top;
};

struct cover {
    struct number_keys ranges[RANGES_MAX];
    size_t count;
};

static uint32_t
step_of(double value, double least, double width)
{
    double step = floor((value - least) / width * STEPS);
    return step >= STEPS ? UINT32_MAX : step < 0 ? 0 : (uint32_t)step;
}

/* Bit i of `bits` goes to bit 2i. */
static uint64_t
spread(uint32_t bits)
{
    uint64_t x = bits;
    x = (x | x << 16) & UINT64_C(0x0000ffff0000ffff);
    x = (x | x << 8) & UINT64_C(0x00ff00ff00ff00ff);
    x = (x | x << 4) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    x = (x | x << 2) & UINT64_C(0x3333333333333333);
    return (x | x << 1) & UINT64_C(0x5555555555555555);
}

static uint32_t
gathered(uint64_t x)
{
    x &= UINT64_C(0x5555555555555555);
    x = (x | x >> 1) & UINT64_C(0x3333333333333333);
    x = (x | x >> 2) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    x = (x | x >> 4) & UINT64_C(0x00ff00ff00ff00ff);
    x = (x | x >> 8) & UINT64_C(0x0000ffff0000ffff);
    return (uint32_t)(x | x >> 16);
}

struct number_entry
geo_index_entry(struct geo_point point, uint32_t slot)
{
    assert(geo_point_is_valid(point));
    uint64_t east = spread(step_of(point.lon, -180, 360));
    uint64_t north = spread(step_of(point.lat, -90, 180));
    return (struct number_entry){ .key = east << 1 | north, .slot = slot };
}

/* ---- boxes around areas ---- */

static struct grid_box
grid_box(double left, double right, double bottom, double top)
{
    return (struct grid_box){ step_of(left - MARGIN, -180, 360),
                              step_of(right + MARGIN, -180, 360),
                              step_of(bottom - MARGIN, -90, 180),
                              step_of(top + MARGIN, -90, 180) };
}

/* One box, or two where the date line lies between left and right. */
static size_t
boxes_between(double left, double right, double bottom, double top,
              struct grid_box boxes[BOXES_MAX])
{
    if (left <= right) {
        boxes[0] = grid_box(left, right, bottom, top);
        return 1;
    }
    boxes[0] = grid_box(left, 180, bottom, top);
    boxes[1] = grid_box(-180, right, bottom, top);
    return 2;
}

static size_t
radius_boxes(const struct geo_area *area, struct grid_box boxes[BOXES_MAX])
{
    if (!(area->radius_m > 0))
        return 0;
    struct geo_point center = area->center;
    double angle = fmin(area->radius_m / EARTH_M * DEGREES, 180);
    double bottom = center.lat - angle, top = center.lat + angle;
    double wide = sin(angle / DEGREES) / cos(center.lat / DEGREES);
    /* Near a pole every longitude may be in. */
    if (bottom <= -90 || top >= 90 || !(wide < 1))
        return boxes_between(-180, 180, bottom, top, boxes);
    double reach = asin(wide) * DEGREES;
    double left = center.lon - reach, right = center.lon + reach;
    if (reach >= 179)
        return boxes_between(-180, 180, bottom, top, boxes);
    return boxes_between(left < -180 ? left + 360 : left,
                         right > 180 ? right - 360 : right, bottom, top, boxes);
}

static size_t
area_boxes(const struct geo_area *area, struct grid_box boxes[BOXES_MAX])
{
    if (area->kind == GEO_RADIUS)
        return radius_boxes(area, boxes);
    if (area->kind == GEO_BOX)
        return area->bottom_right.lat >= area->top_left.lat
                   ? 0
                   : boxes_between(area->top_left.lon, area->bottom_right.lon,
                                   area->bottom_right.lat, area->top_left.lat,
                                   boxes);
    const struct geo_ring *ring = &area->exterior;
    struct geo_point low = ring->points[0], high = low;
    for (size_t i = 1; i < ring->count; i++) {
        low.lon = fmin(low.lon, ring->points[i].lon);
        low.lat = fmin(low.lat, ring->points[i].lat);
        high.lon = fmax(high.lon, ring->points[i].lon);
        high.lat = fmax(high.lat, ring->points[i].lat);
    }
    boxes[0] = grid_box(low.lon, high.lon, low.lat, high.lat);
    return 1;
}

/* ---- boxes to ranges ---- */

/* Ranges come in the order of the curve; the last one takes what does not fit
 * any more, with what lies between. */
static void
cover_add(struct cover *cover, uint64_t first, uint64_t last)
{
    struct number_keys *before =
        cover->count == 0 ? NULL : &cover->ranges[cover->count - 1];
    if (before != NULL &&
        (before->last + 1 == first || cover->count == RANGES_MAX))
        before->last = last;
    else
        cover->ranges[cover->count++] = (struct number_keys){ first, last };
}

/* The quarter at (east, north) of 2^bits steps. Recursion: 32 levels. */
static void
cover_quarter(struct cover *cover, const struct grid_box *box, uint32_t east,
              uint32_t north, unsigned bits, unsigned bits_min)
{
    uint32_t size = (uint32_t)((UINT64_C(1) << bits) - 1);
    uint32_t right = east + size, top = north + size;
    if (east > box->right || right < box->left || north > box->top ||
        top < box->bottom)
        return;
    bool is_inside = east >= box->left && right <= box->right &&
                     north >= box->bottom && top <= box->top;
    if (is_inside || bits <= bits_min) {
        uint64_t first = spread(east) << 1 | spread(north);
        uint64_t span = bits == 32 ? UINT64_MAX : (UINT64_C(1) << 2 * bits) - 1;
        cover_add(cover, first, first + span);
        return;
    }
    uint32_t half = UINT32_C(1) << (bits - 1);
    cover_quarter(cover, box, east, north, bits - 1, bits_min);
    cover_quarter(cover, box, east, north + half, bits - 1, bits_min);
    cover_quarter(cover, box, east + half, north, bits - 1, bits_min);
    cover_quarter(cover, box, east + half, north + half, bits - 1, bits_min);
}

static void
cover_box(struct cover *cover, const struct grid_box *box)
{
    uint32_t wide = box->right - box->left, high = box->top - box->bottom;
    uint32_t most = wide > high ? wide : high;
    unsigned bits = most == 0 ? 0 : 32 - (unsigned)__builtin_clz(most);
    cover_quarter(cover, box, 0, 0, 32,
                  bits > PART_LEVELS ? bits - PART_LEVELS : 0);
}

/* ---- the test ---- */

struct testing {
    const struct geo_area *area;
    bool is_exact;
};

static bool
test_key(void *ctx, uint64_t key)
{
    struct testing *testing = ctx;
    struct geo_point middle = { -180 +
                                    (gathered(key >> 1) + 0.5) * (360 / STEPS),
                                -90 + (gathered(key) + 0.5) * (180 / STEPS) };
    enum geo_place place = geo_area_place(testing->area, middle, MARGIN);
    if (place == GEO_UNSURE)
        testing->is_exact = false;
    return place != GEO_OUTSIDE;
}

enum engine_code
geo_index_area(const struct number_index *index, const struct geo_area *area,
               struct slot_set *set, bool *ret_exact, struct error *reterr)
{
    struct testing testing = { area, true };
    struct grid_box boxes[BOXES_MAX];
    size_t count = area_boxes(area, boxes);
    enum engine_code code = ENGINE_OK;
    for (size_t i = 0; i < count && code == ENGINE_OK; i++) {
        struct cover cover = { .count = 0 };
        cover_box(&cover, &boxes[i]);
        code = number_index_pick(index, cover.ranges, cover.count, test_key,
                                 &testing, set, reterr);
    }
    *ret_exact = testing.is_exact;
    return code;
}
