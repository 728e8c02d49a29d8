/* SPDX-License-Identifier: Apache-2.0
 * Plans against filter_matches() on random payloads and random filters: with
 * every mix of indexes, candidates plus residual must give exactly the points
 * that a check of every payload gives. */
#include "engine/filter/plan.h"

#include "engine/filter/eval.h"
#include "engine/filter/path.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

#define POINTS         400
#define FIELDS         4
#define ROUNDS         80
#define FILTERS        60
#define ARENA_SIZE_MAX ((size_t)64 << 20)

static uint64_t random_state;

static uint32_t
random_below(uint32_t bound)
{
    random_state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = random_state;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)((z ^ (z >> 31)) >> 32) % bound;
}

static const char *const scalars[] = {
    "null",
    "true",
    "false",
    "\"a\"",
    "\"b\"",
    "\"c\"",
    "\"\"",
    "1",
    "1.0",
    "2",
    "2.5",
    "-3",
    "0",
    "-0.0",
    "9007199254740993",
    "9007199254740992",
    "9223372036854775807",
    "18446744073709551615",
    "-9223372036854775808",
    "{}",
    "{\"x\":1}",
    "[]",
    "[null]",
    "[1]",
    "\"2020-01-01\"",
    "\"2020-01-01T00:00:00.000001Z\"",
    "\"0001-01-01\"",
    "\"+250000-01-01\"",
    "\"550e8400-e29b-41d4-a716-446655440000\"",
    "\"550E8400-E29B-41D4-A716-446655440000\"",
    "{\"lon\":1,\"lat\":1}",
    "{\"lon\":1.5,\"lat\":1.25}",
    "{\"lon\":2,\"lat\":1}",
    "{\"lon\":180,\"lat\":-90}",
    "{\"lon\":-180,\"lat\":0.00000001}",
    "{\"lon\":200,\"lat\":0}",
};

#define SCALARS_COUNT (sizeof(scalars) / sizeof(scalars[0]))

static void
add_value(struct bytes *text)
{
    uint32_t kind = random_below(10);
    if (kind < 6) {
        bytes_add_text(text, scalars[random_below(SCALARS_COUNT)]);
        return;
    }
    bytes_add_char(text, '[');
    uint32_t count = random_below(4);
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0)
            bytes_add_char(text, ',');
        bytes_add_text(text, scalars[random_below(SCALARS_COUNT)]);
    }
    bytes_add_char(text, ']');
}

static const char *const paths[FIELDS] = { "f", "g.h", "l[].v", "m" };

static yyjson_doc *
random_payload(void)
{
    struct bytes text;
    bytes_init(&text, 1 << 16);
    bytes_add_text(&text, "{\"z\":0");
    if (random_below(5) > 0) {
        bytes_add_text(&text, ",\"f\":");
        add_value(&text);
    }
    if (random_below(5) > 0) {
        bytes_add_text(&text, ",\"g\":{\"h\":");
        add_value(&text);
        bytes_add_text(&text, "}");
    }
    if (random_below(5) > 0) {
        bytes_add_text(&text, ",\"l\":[{\"v\":");
        add_value(&text);
        bytes_add_text(&text, ",\"w\":1},{\"v\":");
        add_value(&text);
        bytes_add_text(&text, ",\"w\":2},{}]");
    }
    if (random_below(5) > 0) {
        bytes_add_text(&text, ",\"m\":");
        add_value(&text);
    }
    bytes_add_char(&text, '}');
    yyjson_doc *doc;
    ck_assert_int_eq(json_parse(bytes_span(&text), &doc, NULL), ENGINE_OK);
    bytes_release(&text);
    return doc;
}

/* ---- random filters ---- */

static struct match_value
random_match(enum match_type type)
{
    static const int64_t integers[] = {
        1, 2, -3, 0, 9007199254740993, 9007199254740992, INT64_MAX, INT64_MIN,
    };
    static const char *const strings[] = {
        "a", "b", "c", "", "d", "550e8400-e29b-41d4-a716-446655440000",
    };
    struct match_value value = { .type = type };
    switch (type) {
    case MATCH_STRING:
        value.string = span_of(strings[random_below(6)]);
        break;
    case MATCH_INTEGER:
        value.integer = integers[random_below(8)];
        break;
    case MATCH_BOOL:
        value.boolean = random_below(2) == 1;
        break;
    }
    return value;
}

static struct range
random_range(void)
{
    static const double bounds[] = { -3, -1, 0, 1, 2, 2.5, 3, 1e16, 1e19 };
    struct range range = {
        .has_lt = random_below(3) == 0,
        .has_gt = random_below(3) == 0,
        .has_lte = random_below(3) == 0,
        .has_gte = random_below(3) == 0,
        .lt = bounds[random_below(9)],
        .gt = bounds[random_below(9)],
        .lte = bounds[random_below(9)],
        .gte = bounds[random_below(9)],
    };
    return range;
}

static struct datetime_range
random_datetimes(void)
{
    static const int64_t bounds[] = {
        INT64_MIN,
        INT64_C(-62135596800000000),
        0,
        INT64_C(1577836800000000),
        INT64_C(1577836800000001),
        INT64_MAX,
    };
    return (struct datetime_range){
        .has_lt = random_below(3) == 0,
        .has_gt = random_below(3) == 0,
        .has_lte = random_below(3) == 0,
        .has_gte = random_below(3) == 0,
        .lt = bounds[random_below(6)],
        .gt = bounds[random_below(6)],
        .lte = bounds[random_below(6)],
        .gte = bounds[random_below(6)],
    };
}

/* Some edges go through the points of `scalars`. */
static const struct geo_area *
random_area(void)
{
    static const struct geo_point ring[] = {
        { 0, 0 }, { 3, 0 }, { 3, 3 }, { 1, 1 }, { 0, 0 }
    };
    static const struct geo_area areas[] = {
        { .kind = GEO_BOX, .top_left = { 0, 2 }, .bottom_right = { 2, 0 } },
        { .kind = GEO_BOX, .top_left = { 0, 2 }, .bottom_right = { 2.1, 1 } },
        { .kind = GEO_BOX,
          .top_left = { 170, 10 },
          .bottom_right = { -170, -10 } },
        { .kind = GEO_BOX,
          .top_left = { -180, 90 },
          .bottom_right = { 180, 0 } },
        { .kind = GEO_RADIUS, .center = { 1, 1 }, .radius_m = 111194.0 },
        { .kind = GEO_RADIUS, .center = { 0, -90 }, .radius_m = 1 },
        { .kind = GEO_RADIUS, .center = { 180, 0 }, .radius_m = 1 },
        { .kind = GEO_RADIUS, .center = { 1, 1 }, .radius_m = 3e7 },
        { .kind = GEO_POLYGON, .exterior = { ring, 5 } },
    };
    return &areas[random_below(sizeof(areas) / sizeof(areas[0]))];
}

static const struct filter *random_filter(struct arena *arena, uint32_t depth);

static void
random_values(struct arena *arena, struct condition *condition)
{
    uint32_t count = random_below(4);
    enum match_type type = random_below(2) == 0 ? MATCH_STRING : MATCH_INTEGER;
    struct match_value *values =
        arena_calloc(arena, count + 1, sizeof(*values));
    ck_assert_ptr_nonnull(values);
    for (uint32_t i = 0; i < count; i++)
        values[i] = random_match(type);
    condition->values_count = match_values_sort(values, count);
    condition->values = values;
}

static void
random_ids(struct arena *arena, struct condition *condition)
{
    struct point_id *ids = arena_calloc(arena, 50, sizeof(*ids));
    ck_assert_ptr_nonnull(ids);
    for (uint32_t i = 0; i < 50; i++)
        ids[i].number = random_below(POINTS * 2);
    condition->ids_count = filter_ids_sort(ids, 50);
    condition->ids = ids;
}

static struct condition
random_condition(struct arena *arena, uint32_t depth)
{
    static const char *const texts[] = { "a", "2020-01-01 b", "01 01 t00", "B",
                                         "-" };
    struct condition condition = {
        .kind = (enum condition_kind)random_below(CONDITION_SLICE + 1),
        .is_negated = random_below(2) == 0,
        .is_whole = random_below(2) == 0,
        .range = random_range(),
        .datetimes = random_datetimes(),
        .area = random_area(),
        .text = span_of(texts[random_below(5)]),
        .text_match = (enum text_match)random_below(TEXT_PREFIX + 1),
        .slice = { 3, random_below(3) },
    };
    /* The last one is in elements of "l". */
    uint32_t field = random_below(FIELDS + 2);
    const char *path = field < FIELDS ? paths[field] : "v";
    if (condition.kind == CONDITION_NESTED)
        path = "l";
    ck_assert_int_eq(path_parse(span_of(path), arena, &condition.path, NULL),
                     ENGINE_OK);
    if (depth >= 3 && condition.kind >= CONDITION_OR &&
        condition.kind <= CONDITION_NESTED)
        condition.kind = CONDITION_RANGE;
    if (condition.kind == CONDITION_MATCH) {
        struct match_value *value = arena_calloc(arena, 1, sizeof(*value));
        ck_assert_ptr_nonnull(value);
        *value = random_match((enum match_type)random_below(3));
        condition.values = value;
        condition.values_count = 1;
    } else if (condition.kind == CONDITION_ANY ||
               condition.kind == CONDITION_EXCEPT) {
        random_values(arena, &condition);
    } else if (condition.kind == CONDITION_HAS_ID) {
        random_ids(arena, &condition);
    } else if (condition.kind == CONDITION_OR) {
        struct condition *tests = arena_calloc(arena, 2, sizeof(*tests));
        ck_assert_ptr_nonnull(tests);
        tests[0] = random_condition(arena, depth + 1);
        tests[1] = random_condition(arena, depth + 1);
        condition.tests = tests;
        condition.tests_count = 2;
    } else if (condition.kind == CONDITION_FILTER ||
               condition.kind == CONDITION_NESTED) {
        condition.filter = random_filter(arena, depth + 1);
    }
    return condition;
}

static struct clause
random_clause(struct arena *arena, uint32_t depth)
{
    uint32_t count = random_below(4);
    struct condition *conditions =
        arena_calloc(arena, count + 1, sizeof(*conditions));
    ck_assert_ptr_nonnull(conditions);
    for (uint32_t i = 0; i < count; i++)
        conditions[i] = random_condition(arena, depth);
    return (struct clause){ conditions, count };
}

static const struct filter *
random_filter(struct arena *arena, uint32_t depth)
{
    struct filter *filter = arena_calloc(arena, 1, sizeof(*filter));
    ck_assert_ptr_nonnull(filter);
    if (random_below(2) == 0)
        filter->must = random_clause(arena, depth);
    if (random_below(2) == 0)
        filter->should = random_clause(arena, depth);
    if (random_below(2) == 0)
        filter->must_not = random_clause(arena, depth);
    if (random_below(3) == 0) {
        filter->min_should = random_clause(arena, depth);
        filter->min_should_count = 1 + random_below(4);
    }
    return filter;
}

/* ---- the world: points by slot, some slots free ---- */

struct world {
    yyjson_doc *payloads[POINTS]; /* NULL: no payload */
    bool is_live[POINTS];
    struct slot_set *live;
    struct payload_index *indexes[FIELDS];
    size_t indexes_count;
    struct text_field *texts[FIELDS];
    size_t texts_count;
};

/* Slot s holds the point with the number 2 * s. */
static bool
slot_of(void *ctx, const struct point_id *id, uint32_t *ret_slot)
{
    const struct world *world = ctx;
    if (id->is_uuid || id->number % 2 != 0 || id->number / 2 >= POINTS ||
        !world->is_live[id->number / 2])
        return false;
    *ret_slot = (uint32_t)(id->number / 2);
    return true;
}

/* Of three vectors, one that each slot has and one that none has. */
static bool
slot_has_vector(uint32_t slot, struct span name)
{
    if (span_equal_text(name, "a"))
        return true;
    return span_equal_text(name, "B") && slot % 3 == 1;
}

static void
with_vector(void *ctx, struct span name, struct slot_set *set)
{
    const struct world *world = ctx;
    for (uint32_t slot = 0; slot < POINTS; slot++)
        if (world->is_live[slot] && slot_has_vector(slot, name))
            slot_set_add(set, slot);
}

static bool
has_vector(void *ctx, struct span name)
{
    const uint32_t *slot = ctx;
    return slot_has_vector(*slot, name);
}

static yyjson_val *
payload_of(const struct world *world, uint32_t slot)
{
    return yyjson_doc_get_root(world->payloads[slot]);
}

static void
world_put(struct world *world, uint32_t slot)
{
    world->payloads[slot] = random_below(10) == 0 ? NULL : random_payload();
    world->is_live[slot] = true;
    slot_set_add(world->live, slot);
    for (size_t i = 0; i < world->indexes_count; i++)
        ck_assert_int_eq(payload_index_add(world->indexes[i], slot,
                                           payload_of(world, slot), NULL),
                         ENGINE_OK);
}

static void
world_take(struct world *world, uint32_t slot)
{
    for (size_t i = 0; i < world->indexes_count; i++)
        payload_index_remove(world->indexes[i], slot, payload_of(world, slot));
    yyjson_doc_free(world->payloads[slot]);
    world->payloads[slot] = NULL;
    world->is_live[slot] = false;
    slot_set_remove(world->live, slot);
}

static struct span
params_of(uint32_t kind)
{
    return kind == PAYLOAD_INDEX_TEXT
               ? span_of("{\"phrase_matching\":true,\"min_token_len\":1,"
                         "\"on_disk\":true}")
               : span_of("{\"memory\":\"cold\"}");
}

/* So that filter_matches() cuts texts as the indexes do. */
static void
world_texts(struct world *world)
{
    world->texts_count = 0;
    for (size_t i = 0; i < world->indexes_count; i++) {
        struct payload_index *index = world->indexes[i];
        if (payload_index_kind(index) != PAYLOAD_INDEX_TEXT)
            continue;
        struct text_field *field = text_field_new(
            payload_index_path(index), payload_index_tokenizer(index));
        ck_assert_ptr_nonnull(field);
        world->texts[world->texts_count++] = field;
    }
}

static void
world_init(struct world *world)
{
    memset(world, 0, sizeof(*world));
    world->live = slot_set_new();
    ck_assert_ptr_nonnull(world->live);
    struct arena arena;
    arena_init(&arena, ARENA_SIZE_MAX);
    for (size_t i = 0; i < FIELDS; i++) {
        uint32_t kind = random_below(PAYLOAD_INDEX_KIND_MAX + 2);
        if (kind > PAYLOAD_INDEX_KIND_MAX)
            continue;
        struct payload_path path;
        ck_assert_int_eq(path_parse(span_of(paths[i]), &arena, &path, NULL),
                         ENGINE_OK);
        /* Some in memory, some in a file. */
        const struct payload_index_wish wish = {
            &path, (enum payload_index_kind)kind, params_of(kind),
            random_below(2) == 0 ? NULL : "/tmp"
        };
        ck_assert_int_eq(
            payload_index_make(&wish, &world->indexes[world->indexes_count],
                               NULL),
            ENGINE_OK);
        world->indexes_count++;
    }
    arena_release(&arena);
    world_texts(world);
    for (uint32_t slot = 0; slot < POINTS; slot++)
        world_put(world, slot);
    for (uint32_t i = 0; i < POINTS / 2; i++) {
        uint32_t slot = random_below(POINTS);
        if (world->is_live[slot])
            world_take(world, slot);
        else
            world_put(world, slot);
    }
}

static void
world_release(struct world *world)
{
    for (uint32_t slot = 0; slot < POINTS; slot++)
        if (world->is_live[slot])
            world_take(world, slot);
    for (size_t i = 0; i < world->texts_count; i++)
        text_field_free(world->texts[i]);
    for (size_t i = 0; i < world->indexes_count; i++) {
        ck_assert_uint_eq(payload_index_points(world->indexes[i]), 0);
        payload_index_free(world->indexes[i]);
    }
    slot_set_free(world->live);
}

static void
check_plan(struct world *world, const struct filter *filter,
           struct arena *arena)
{
    struct plan_sources sources = { .indexes = world->indexes,
                                    .indexes_count = world->indexes_count,
                                    .live = world->live,
                                    .slot_of = slot_of,
                                    .slot_of_ctx = world,
                                    .with_vector = with_vector };
    struct filter_plan plan;
    ck_assert_int_eq(filter_plan_make(filter, &sources, arena, &plan, NULL),
                     ENGINE_OK);
    uint64_t matches = 0;
    for (uint32_t slot = 0; slot < POINTS; slot++) {
        struct point_id id = { .number = slot * 2 };
        struct subject subject = { .id = &id,
                                   .payload = payload_of(world, slot),
                                   .has_vector = has_vector,
                                   .ctx = &slot,
                                   .texts = world->texts,
                                   .texts_count = world->texts_count };
        bool expected =
            world->is_live[slot] && filter_matches(filter, &subject);
        bool is_candidate = plan.slots == NULL
                                ? world->is_live[slot]
                                : slot_set_contains(plan.slots, slot);
        bool planned =
            is_candidate &&
            (plan.residual == NULL || filter_matches(plan.residual, &subject));
        ck_assert_msg(
            expected == planned, "kind %d: slot %u: %d by payload, %d by plan",
            filter->must.count > 0 ? (int)filter->must.conditions[0].kind : -1,
            slot, expected, planned);
        matches += expected;
    }
    ck_assert_uint_le(plan.estimate.min_count, matches);
    ck_assert_uint_ge(plan.estimate.max_count, matches);
    ck_assert_uint_ge(plan.estimate.expected_count, plan.estimate.min_count);
    ck_assert_uint_le(plan.estimate.expected_count, plan.estimate.max_count);
    filter_plan_release(&plan);
}

START_TEST(plan_and_payloads_agree_on_random_filters)
{
    random_state = (uint64_t)_i * 7919 + 1;
    struct world world;
    world_init(&world);
    for (uint32_t i = 0; i < FILTERS; i++) {
        struct arena arena;
        arena_init(&arena, ARENA_SIZE_MAX);
        check_plan(&world, random_filter(&arena, 0), &arena);
        arena_release(&arena);
    }
    world_release(&world);
}
END_TEST

/* Single conditions too: random trees tend to match all or nothing. */
START_TEST(plan_and_payloads_agree_on_single_conditions)
{
    random_state = (uint64_t)_i * 104729 + 5;
    struct world world;
    world_init(&world);
    for (uint32_t i = 0; i < FILTERS * 2; i++) {
        struct arena arena;
        arena_init(&arena, ARENA_SIZE_MAX);
        struct condition condition = random_condition(&arena, 3);
        struct filter filter = { .must = { &condition, 1 } };
        check_plan(&world, &filter, &arena);
        filter = (struct filter){ .must_not = { &condition, 1 } };
        check_plan(&world, &filter, &arena);
        arena_release(&arena);
    }
    world_release(&world);
}
END_TEST

START_TEST(plan_of_indexed_conditions_is_exact)
{
    struct arena arena;
    arena_init(&arena, ARENA_SIZE_MAX);
    struct world world;
    memset(&world, 0, sizeof(world));
    world.live = slot_set_new();
    struct payload_path path;
    ck_assert_int_eq(path_parse(span_of("f"), &arena, &path, NULL), ENGINE_OK);
    ck_assert_int_eq(payload_index_new(&path, PAYLOAD_INDEX_KEYWORD,
                                       (struct span){ NULL, 0 },
                                       &world.indexes[0], NULL),
                     ENGINE_OK);
    world.indexes_count = 1;
    yyjson_doc *doc;
    ck_assert_int_eq(json_parse(span_of("{\"f\":\"a\"}"), &doc, NULL),
                     ENGINE_OK);
    for (uint32_t slot = 0; slot < 10; slot++) {
        world.is_live[slot] = true;
        slot_set_add(world.live, slot);
        ck_assert_int_eq(
            payload_index_add(world.indexes[0], slot,
                              slot < 4 ? yyjson_doc_get_root(doc) : NULL, NULL),
            ENGINE_OK);
    }
    struct match_value value = { .type = MATCH_STRING, .string = span_of("a") };
    struct condition condition = { .kind = CONDITION_MATCH,
                                   .path = path,
                                   .values = &value,
                                   .values_count = 1 };
    struct filter filter = { .must = { &condition, 1 } };
    struct plan_sources sources = { .indexes = world.indexes,
                                    .indexes_count = 1,
                                    .live = world.live,
                                    .slot_of = slot_of,
                                    .slot_of_ctx = &world };
    struct filter_plan plan;
    ck_assert_int_eq(filter_plan_make(&filter, &sources, &arena, &plan, NULL),
                     ENGINE_OK);
    ck_assert_ptr_null(plan.residual);
    ck_assert_uint_eq(plan.estimate.min_count, 4);
    ck_assert_uint_eq(plan.estimate.max_count, 4);
    ck_assert_uint_eq(slot_set_count(plan.slots), 4);
    filter_plan_release(&plan);
    payload_index_free(world.indexes[0]);
    slot_set_free(world.live);
    yyjson_doc_free(doc);
    arena_release(&arena);
}
END_TEST

START_TEST(plan_fails_cleanly_past_the_arena_cap)
{
    struct arena arena;
    arena_init(&arena, 16);
    struct world world;
    memset(&world, 0, sizeof(world));
    world.live = slot_set_new();
    struct condition condition = { .kind = CONDITION_RANGE };
    struct filter filter = { .must = { &condition, 1 } };
    struct plan_sources sources = { .live = world.live,
                                    .slot_of = slot_of,
                                    .slot_of_ctx = &world };
    struct filter_plan plan;
    struct error error;
    ck_assert_int_eq(filter_plan_make(&filter, &sources, &arena, &plan, &error),
                     ENGINE_ENOMEM);
    slot_set_free(world.live);
    arena_release(&arena);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("plan");
    TCase *tcase = tcase_create("plan");
    tcase_add_loop_test(tcase, plan_and_payloads_agree_on_random_filters, 0,
                        ROUNDS);
    tcase_add_loop_test(tcase, plan_and_payloads_agree_on_single_conditions, 0,
                        ROUNDS);
    tcase_add_test(tcase, plan_of_indexed_conditions_is_exact);
    tcase_add_test(tcase, plan_fails_cleanly_past_the_arena_cap);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
