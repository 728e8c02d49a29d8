/* SPDX-License-Identifier: Apache-2.0
 * Which points lie in an area. Rings are tested by winding number (Hormann and
 * Agathos, "The point in polygon problem for arbitrary polygons", 2001), so
 * that a ring that crosses itself has an inside, too. */
#include "engine/filter/geo.h"

#include <math.h>

#define EARTH_RADIUS_M 6371008.8 /* mean, IUGG */
#define RADIANS        (3.14159265358979323846 / 180)

bool
geo_point_is_valid(struct geo_point point)
{
    return point.lon >= -180 && point.lon <= 180 && point.lat >= -90 &&
           point.lat <= 90;
}

bool
geo_point_read(yyjson_val *value, struct geo_point *ret_point)
{
    yyjson_val *lon = yyjson_obj_get(value, "lon");
    yyjson_val *lat = yyjson_obj_get(value, "lat");
    if (!yyjson_is_num(lon) || !yyjson_is_num(lat))
        return false;
    *ret_point = (struct geo_point){ yyjson_get_num(lon), yyjson_get_num(lat) };
    return geo_point_is_valid(*ret_point);
}

double
geo_distance(struct geo_point a, struct geo_point b)
{
    double north = sin((b.lat - a.lat) * RADIANS / 2);
    double east = sin((b.lon - a.lon) * RADIANS / 2);
    double square = north * north +
                    cos(a.lat * RADIANS) * cos(b.lat * RADIANS) * east * east;
    return 2 * EARTH_RADIUS_M * asin(fmin(1, sqrt(square)));
}

static bool
box_holds(const struct geo_area *area, struct geo_point point)
{
    double left = area->top_left.lon, right = area->bottom_right.lon;
    if (point.lat <= area->bottom_right.lat || point.lat >= area->top_left.lat)
        return false;
    return left > right ? point.lon > left || point.lon < right
                        : point.lon > left && point.lon < right;
}

enum place { PLACE_OUTSIDE, PLACE_EDGE, PLACE_INSIDE };

/* > 0 when `point` lies left of the line from `a` to `b`. */
static double
side_of(struct geo_point a, struct geo_point b, struct geo_point point)
{
    return (b.lon - a.lon) * (point.lat - a.lat) -
           (point.lon - a.lon) * (b.lat - a.lat);
}

static bool
is_between(double a, double b, double value)
{
    return a <= b ? a <= value && value <= b : b <= value && value <= a;
}

static enum place
ring_place(const struct geo_ring *ring, struct geo_point point)
{
    int winding = 0;
    for (size_t i = 0; i + 1 < ring->count; i++) {
        struct geo_point a = ring->points[i], b = ring->points[i + 1];
        double side = side_of(a, b, point);
        if (side == 0 && is_between(a.lon, b.lon, point.lon) &&
            is_between(a.lat, b.lat, point.lat))
            return PLACE_EDGE;
        if (a.lat <= point.lat && b.lat > point.lat && side > 0)
            winding++;
        else if (a.lat > point.lat && b.lat <= point.lat && side < 0)
            winding--;
    }
    return winding != 0 ? PLACE_INSIDE : PLACE_OUTSIDE;
}

static bool
polygon_holds(const struct geo_area *area, struct geo_point point)
{
    if (ring_place(&area->exterior, point) != PLACE_INSIDE)
        return false;
    for (size_t i = 0; i < area->interiors_count; i++) {
        if (ring_place(&area->interiors[i], point) != PLACE_OUTSIDE)
            return false;
    }
    return true;
}

/* ---- a point that is not known exactly ---- */

static bool
is_near(double edge, double value, double margin)
{
    return fabs(edge - value) <= margin;
}

/* From `point` to the edge between `a` and `b`, in degrees. */
static double
edge_distance(struct geo_point a, struct geo_point b, struct geo_point point)
{
    double east = b.lon - a.lon, north = b.lat - a.lat;
    double length = east * east + north * north;
    double part =
        length == 0
            ? 0
            : ((point.lon - a.lon) * east + (point.lat - a.lat) * north) /
                  length;
    part = fmin(1, fmax(0, part));
    return hypot(a.lon + part * east - point.lon,
                 a.lat + part * north - point.lat);
}

static bool
ring_is_near(const struct geo_ring *ring, struct geo_point point, double margin)
{
    for (size_t i = 0; i + 1 < ring->count; i++)
        if (edge_distance(ring->points[i], ring->points[i + 1], point) <=
            2 * margin)
            return true;
    return false;
}

static bool
border_is_near(const struct geo_area *area, struct geo_point point,
               double margin)
{
    const struct geo_point *high = &area->top_left, *low = &area->bottom_right;
    switch (area->kind) {
    case GEO_BOX:
        return is_near(high->lon, point.lon, margin) ||
               is_near(low->lon, point.lon, margin) ||
               is_near(high->lat, point.lat, margin) ||
               is_near(low->lat, point.lat, margin);
    case GEO_RADIUS:
        /* Degrees are at most so long, and sines lose some digits. */
        return is_near(area->radius_m, geo_distance(area->center, point),
                       2 * margin * RADIANS * EARTH_RADIUS_M + 0.1);
    case GEO_POLYGON:
        break;
    }
    for (size_t i = 0; i < area->interiors_count; i++)
        if (ring_is_near(&area->interiors[i], point, margin))
            return true;
    return ring_is_near(&area->exterior, point, margin);
}

enum geo_place
geo_area_place(const struct geo_area *area, struct geo_point point,
               double margin)
{
    if (border_is_near(area, point, margin))
        return GEO_UNSURE;
    return geo_area_holds(area, point) ? GEO_INSIDE : GEO_OUTSIDE;
}

bool
geo_area_holds(const struct geo_area *area, struct geo_point point)
{
    switch (area->kind) {
    case GEO_BOX:
        return box_holds(area, point);
    case GEO_RADIUS:
        return geo_distance(area->center, point) < area->radius_m;
    case GEO_POLYGON:
        break;
    }
    return polygon_holds(area, point);
}
