/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as a JSON filter: refused with a text, or planned over points with
 * indexes of all kinds, where the plan must agree with every payload. */
#include "engine/api/rest_filter.h"
#include "engine/filter/eval.h"
#include "engine/filter/path.h"
#include "engine/filter/plan.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INDEXES 8

static const char *const payloads[] = {
    "{\"a\":1,\"b\":\"x\",\"c\":1.5,\"d\":true}",
    "{\"a\":[1,\"x\",null],\"b\":[],\"c\":[2,2.5],\"d\":[true,false]}",
    "{\"a\":null,\"b\":{\"x\":1},\"c\":\"y\",\"d\":[[1]]}",
    "{\"b\":[\"x\",\"y\"],\"l\":[{\"a\":1},{\"a\":2,\"b\":\"x\"}]}",
    "{\"a\":9007199254740993,\"c\":-9223372036854775808}",
    "{\"e\":\"2020-01-01\",\"f\":{\"lon\":1,\"lat\":2},\"g\":\"The quick fox\","
    "\"h\":\"550e8400-e29b-41d4-a716-446655440000\"}",
    "{\"e\":[\"x\",1],\"f\":[{\"lon\":-180,\"lat\":90},{\"lon\":9}],"
    "\"g\":[\"a b\",2,\"c\"],\"h\":[\"x\"]}",
};

#define POINTS (sizeof(payloads) / sizeof(payloads[0]))

struct world {
    yyjson_doc *docs[POINTS];
    struct payload_index *indexes[INDEXES];
    struct slot_set *live;
    struct text_field *text;
};

static bool
slot_of(void *ctx, const struct point_id *id, uint32_t *ret_slot)
{
    (void)ctx;
    if (id->is_uuid || id->number >= POINTS)
        return false;
    *ret_slot = (uint32_t)id->number;
    return true;
}

static void
world_init(struct world *world)
{
    static const char *const fields[INDEXES] = { "a", "b", "c", "d",
                                                 "e", "f", "g", "h" };
    static const enum payload_index_kind kinds[INDEXES] = {
        PAYLOAD_INDEX_INTEGER, PAYLOAD_INDEX_KEYWORD,  PAYLOAD_INDEX_FLOAT,
        PAYLOAD_INDEX_BOOL,    PAYLOAD_INDEX_DATETIME, PAYLOAD_INDEX_GEO,
        PAYLOAD_INDEX_TEXT,    PAYLOAD_INDEX_UUID
    };
    static const char params[] = "{\"phrase_matching\":true}";
    struct arena arena;
    arena_init(&arena, (size_t)1 << 16);
    world->live = slot_set_new();
    for (size_t i = 0; i < INDEXES; i++) {
        struct payload_path path;
        assert(path_parse(span_of(fields[i]), &arena, &path, NULL) ==
               ENGINE_OK);
        assert(payload_index_new(&path, kinds[i], span_of(params),
                                 &world->indexes[i], NULL) == ENGINE_OK);
    }
    world->text = text_field_new(payload_index_path(world->indexes[6]),
                                 payload_index_tokenizer(world->indexes[6]));
    assert(world->text != NULL);
    for (uint32_t slot = 0; slot < POINTS; slot++) {
        assert(json_parse(span_of(payloads[slot]), &world->docs[slot], NULL) ==
               ENGINE_OK);
        slot_set_add(world->live, slot);
        for (size_t i = 0; i < INDEXES; i++)
            assert(payload_index_add(world->indexes[i], slot,
                                     yyjson_doc_get_root(world->docs[slot]),
                                     NULL) == ENGINE_OK);
    }
    arena_release(&arena);
}

static struct world the_world;

/* Postings of one slot are kept in pointers with a mark, which the leak check
 * does not follow. */
static void
world_free(void)
{
    text_field_free(the_world.text);
    for (size_t i = 0; i < INDEXES; i++)
        payload_index_free(the_world.indexes[i]);
    for (size_t i = 0; i < POINTS; i++)
        yyjson_doc_free(the_world.docs[i]);
    slot_set_free(the_world.live);
}

static void
check_plan(const struct world *world, const struct filter *filter,
           struct arena *arena)
{
    struct plan_sources sources = { .indexes = world->indexes,
                                    .indexes_count = INDEXES,
                                    .live = world->live,
                                    .slot_of = slot_of };
    struct filter_plan plan;
    if (filter_plan_make(filter, &sources, arena, &plan, NULL) != ENGINE_OK)
        return;
    for (uint32_t slot = 0; slot < POINTS; slot++) {
        struct point_id id = { .number = slot };
        struct subject subject = {
            .id = &id,
            .payload = yyjson_doc_get_root(world->docs[slot]),
            .texts = &world->text,
            .texts_count = 1,
        };
        bool is_planned =
            (plan.slots == NULL || slot_set_contains(plan.slots, slot)) &&
            (plan.residual == NULL || filter_matches(plan.residual, &subject));
        assert(is_planned == filter_matches(filter, &subject));
    }
    filter_plan_release(&plan);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (the_world.live == NULL) {
        world_init(&the_world);
        atexit(world_free);
    }
    struct arena arena;
    struct error error = { .text = "" };
    const struct filter *filter;
    yyjson_doc *doc;
    arena_init(&arena, (size_t)4 << 20);
    struct span text = { (const char *)data, size };
    if (json_parse(text, &doc, &error) != ENGINE_OK)
        goto out;
    if (rest_filter_parse(yyjson_doc_get_root(doc), "filter", &arena, &filter,
                          &error) != ENGINE_OK)
        assert(error.text[0] != '\0');
    else if (filter != NULL)
        check_plan(&the_world, filter, &arena);
    yyjson_doc_free(doc);
out:
    arena_release(&arena);
    return 0;
}
