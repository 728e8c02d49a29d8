/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_FILTER_GEO_H
#define ENGINE_FILTER_GEO_H

#include <stdbool.h>
#include <stddef.h>

#include <yyjson.h>

/* Points on the earth and areas of it, in degrees: lon -180..180, lat -90..90.
 * Areas are plain data; the rings live as long as their filter. */
struct geo_point {
    double lon;
    double lat;
};

bool geo_point_is_valid(struct geo_point point);

/* Reads {lon, lat, ...}: two numbers within their bounds. */
bool geo_point_read(yyjson_val *value, struct geo_point *ret_point);

/* First and last point are the same; at least GEO_RING_POINTS_MIN. */
struct geo_ring {
    const struct geo_point *points;
    size_t count;
};

#define GEO_RING_POINTS_MIN 4
#define GEO_RING_POINTS_MAX 65536

enum geo_kind {
    GEO_BOX,    /* top_left, bottom_right; over the date line when the left
                   edge lies east of the right one */
    GEO_RADIUS, /* center, radius_m along the surface */
    GEO_POLYGON /* exterior without interiors, edges straight in degrees */
};

struct geo_area {
    enum geo_kind kind;
    struct geo_point top_left, bottom_right;
    struct geo_point center;
    double radius_m;
    struct geo_ring exterior;
    const struct geo_ring *interiors;
    size_t interiors_count;
};

/* Whether `point` is inside; on the edge is outside. Any thread. */
bool geo_area_holds(const struct geo_area *area, struct geo_point point);

/* Where a point is that is known but for `margin` degrees in each direction. */
enum geo_place { GEO_OUTSIDE, GEO_INSIDE, GEO_UNSURE };
enum geo_place geo_area_place(const struct geo_area *area,
                              struct geo_point point, double margin);

/* Metres between two points (haversine on the mean radius). */
double geo_distance(struct geo_point a, struct geo_point b);

#endif /* ENGINE_FILTER_GEO_H */
