/* SPDX-License-Identifier: Apache-2.0
 * {"filter": .., "points": [payload, ..], "text": parameters}: with an index of
 * each kind on the field `a`, a plan finds the points that the filter says match
 * by their payloads; also after some have gone and come again as others. */
#include "engine/api/rest_filter.h"
#include "engine/filter/eval.h"
#include "engine/filter/path.h"
#include "engine/filter/plan.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define POINTS_MAX 64
#define TEXT_MAX   4096

struct world {
    yyjson_val *payloads[POINTS_MAX];
    uint32_t count;
    struct payload_index *index;
    struct text_field *text; /* NULL: the index is of another kind */
    struct slot_set *live;
};

static bool
slot_of(void *ctx, const struct point_id *id, uint32_t *ret_slot)
{
    const struct world *world = ctx;
    if (id->is_uuid || id->number >= world->count ||
        !slot_set_contains(world->live, (uint32_t)id->number))
        return false;
    *ret_slot = (uint32_t)id->number;
    return true;
}

static bool
has_vector(void *ctx, struct span name)
{
    (void)ctx;
    return name.size == 1;
}

static void
check(const struct world *world, const struct filter *filter)
{
    struct arena arena;
    struct plan_sources sources = { .indexes = &world->index,
                                    .indexes_count = 1,
                                    .live = world->live,
                                    .slot_of = slot_of,
                                    .slot_of_ctx = (void *)(uintptr_t)world };
    struct filter_plan plan;
    uint64_t found = 0;
    arena_init(&arena, (size_t)16 << 20);
    if (filter_plan_make(filter, &sources, &arena, &plan, NULL) != ENGINE_OK)
        goto out;
    for (uint32_t slot = 0; slot < world->count; slot++) {
        struct point_id id = { .number = slot };
        struct subject subject = {
            .id = &id,
            .payload = world->payloads[slot],
            .has_vector = has_vector,
            .texts = &world->text,
            .texts_count = world->text != NULL,
        };
        bool is_live = slot_set_contains(world->live, slot);
        bool holds = is_live && filter_matches(filter, &subject);
        bool is_planned = is_live;
        if (plan.slots != NULL)
            is_planned = slot_set_contains(plan.slots, slot);
        if (plan.residual != NULL && is_planned)
            is_planned = filter_matches(plan.residual, &subject);
        assert(is_planned == holds);
        found += holds;
    }
    assert(found >= plan.estimate.min_count);
    assert(found <= plan.estimate.max_count);
    filter_plan_release(&plan);
out:
    arena_release(&arena);
}

static void
put(struct world *world, uint32_t slot)
{
    if (payload_index_add(world->index, slot, world->payloads[slot], NULL) ==
        ENGINE_OK)
        slot_set_add(world->live, slot);
}

static void
take(struct world *world, uint32_t slot)
{
    payload_index_remove(world->index, slot, world->payloads[slot]);
    slot_set_remove(world->live, slot);
}

/* Each third goes; of those each second comes again with another's payload. */
static void
change(struct world *world)
{
    for (uint32_t slot = 0; slot < world->count; slot += 3)
        take(world, slot);
    for (uint32_t slot = 0; slot < world->count; slot += 6) {
        world->payloads[slot] = world->payloads[world->count - 1 - slot / 2];
        put(world, slot);
    }
}

static void
check_kind(struct world world, enum payload_index_kind kind, struct span params,
           const struct filter *filter)
{
    struct arena arena;
    struct payload_path path;
    arena_init(&arena, (size_t)1 << 16);
    const struct payload_index_wish wish = { &path, kind, params, "/tmp" };
    if (path_parse(span_of("a"), &arena, &path, NULL) != ENGINE_OK ||
        payload_index_make(&wish, &world.index, NULL) != ENGINE_OK)
        goto out;
    world.live = slot_set_new();
    assert(world.live != NULL);
    if (kind == PAYLOAD_INDEX_TEXT) {
        world.text = text_field_new(payload_index_path(world.index),
                                    payload_index_tokenizer(world.index));
        assert(world.text != NULL);
    }
    for (uint32_t slot = 0; slot < world.count; slot++)
        put(&world, slot);
    check(&world, filter);
    change(&world);
    check(&world, filter);
    for (uint32_t slot = 0; slot < world.count; slot++)
        if (slot_set_contains(world.live, slot))
            take(&world, slot);
    assert(payload_index_points(world.index) == 0);
    text_field_free(world.text);
    slot_set_free(world.live);
    payload_index_free(world.index);
out:
    arena_release(&arena);
}

static void
check_input(yyjson_val *root)
{
    struct arena arena;
    const struct filter *filter = NULL;
    struct world world = { .count = 0 };
    yyjson_val *points = yyjson_obj_get(root, "points"), *payload;
    char params[TEXT_MAX] = "{}";
    size_t index, max, size;
    char *text = yyjson_val_write(yyjson_obj_get(root, "text"), 0, &size);
    if (text != NULL && size < sizeof(params))
        memcpy(params, text, size + 1);
    free(text);
    yyjson_arr_foreach(points, index, max,
                       payload) if (world.count < POINTS_MAX &&
                                    yyjson_is_obj(payload))
        world.payloads[world.count++] = payload;
    arena_init(&arena, (size_t)16 << 20);
    if (rest_filter_parse(yyjson_obj_get(root, "filter"), "filter", &arena,
                          &filter, NULL) == ENGINE_OK &&
        filter != NULL)
        for (int kind = 0; kind <= PAYLOAD_INDEX_KIND_MAX; kind++)
            check_kind(world, (enum payload_index_kind)kind, span_of(params),
                       filter);
    arena_release(&arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    yyjson_doc *doc = NULL;
    if (json_parse((struct span){ (const char *)data, size }, &doc, NULL) ==
        ENGINE_OK)
        check_input(yyjson_doc_get_root(doc));
    yyjson_doc_free(doc);
    return 0;
}
