/* SPDX-License-Identifier: Apache-2.0
 * Bytes as vectors that are added, hidden and taken out of a sparse index, and
 * as queries: the best are those of a sum over all, with filters or without. */
#include "engine/index/sparse.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SLOTS     10000u
#define ENTRIES   8u
#define HITS_MAX  40u
#define STEPS     400
#define CROWD     4200u /* more than a tail holds: a part is sealed */
#define CROWDS    2
#define TOLERANCE 1e-3

struct input {
    const uint8_t *data;
    size_t size;
};

struct vector {
    uint32_t count;
    uint32_t indices[ENTRIES];
    float values[ENTRIES];
};

struct world {
    struct epoch epoch;
    struct sparse *sparse;
    struct slotview *view;
    struct vector vectors[SLOTS];
    bool is_there[SLOTS];
    uint32_t top; /* slots below it were used */
    int crowds;
};

static uint8_t
byte(struct input *input)
{
    if (input->size == 0)
        return 0;
    input->size--;
    return *input->data++;
}

/* Steps between indices and weights; a weight is never 0. */
static struct vector
vector_of(struct input *input)
{
    struct vector vector = { .count = byte(input) % (ENTRIES + 1) };
    uint32_t index = 0;
    for (uint32_t i = 0; i < vector.count; i++) {
        uint8_t step = byte(input), weight = byte(input);
        index += 1u + (step < 250 ? step % 16u : step * 1000003u);
        vector.indices[i] = index;
        vector.values[i] = (weight - 127.5f) / 32;
    }
    return vector;
}

/* false: they have no index in common. */
static bool
score_of(const struct vector *query, const struct vector *vector,
         double *ret_score)
{
    bool is_common = false;
    *ret_score = 0;
    for (uint32_t i = 0, k = 0; i < query->count && k < vector->count;) {
        if (query->indices[i] == vector->indices[k]) {
            *ret_score += (double)query->values[i] * (double)vector->values[k];
            is_common = true;
        }
        bool steps = query->indices[i] <= vector->indices[k];
        k += query->indices[i] >= vector->indices[k];
        i += steps;
    }
    return is_common;
}

static void
add(struct world *world, struct input *input, uint32_t slot)
{
    struct vector *vector = &world->vectors[slot];
    if (world->is_there[slot]) {
        sparse_hide(world->sparse, slot);
        sparse_forget(world->sparse, slot);
    }
    *vector = vector_of(input);
    struct vector_value value = { VECTOR_SPARSE, vector->values, vector->count,
                                  vector->indices, 0 };
    enum engine_code code = sparse_add(world->sparse, slot, &value, NULL);
    bool is_put = slotview_put(world->view, NULL, slot, true);
    assert(code == ENGINE_OK && is_put);
    world->is_there[slot] = true;
    if (slot >= world->top)
        world->top = slot + 1;
}

/* Vectors that a generator makes of a few bytes. */
static void
add_crowd(struct world *world, struct input *input, uint32_t first)
{
    uint32_t state = byte(input) * 256u + byte(input);
    if (world->crowds++ == CROWDS)
        return;
    for (uint32_t i = 0; i < CROWD; i++) {
        uint8_t bytes[1 + 2 * ENTRIES];
        for (size_t k = 0; k < sizeof(bytes); k++) {
            state = state * 1664525u + 1013904223u;
            bytes[k] = (uint8_t)(state >> 24);
        }
        struct input made = { bytes, sizeof(bytes) };
        add(world, &made, (first + i) % SLOTS);
    }
}

static void
drop(struct world *world, uint32_t slot)
{
    if (!world->is_there[slot])
        return;
    sparse_hide(world->sparse, slot);
    sparse_forget(world->sparse, slot);
    bool is_put = slotview_put(world->view, NULL, slot, false);
    assert(is_put);
    world->is_there[slot] = false;
}

static void
check_hits(const struct world *world, const struct vector *query,
           const struct hit *hits, uint32_t count, uint32_t k)
{
    uint32_t matching = 0, better = 0;
    double score, worst = count == 0 ? 0 : -(double)hits[count - 1].distance;
    for (uint32_t slot = 0; slot < world->top; slot++) {
        if (!world->is_there[slot] ||
            !score_of(query, &world->vectors[slot], &score))
            continue;
        matching++;
        better += score > worst + TOLERANCE;
    }
    assert(count == (matching < k ? matching : k));
    assert(count == 0 || better < count);
    for (uint32_t i = 0; i < count; i++) {
        assert(hits[i].slot < SLOTS && world->is_there[hits[i].slot]);
        bool is_common = score_of(query, &world->vectors[hits[i].slot], &score);
        assert(is_common && fabs(score + (double)hits[i].distance) < TOLERANCE);
        assert(i == 0 || hits[i - 1].distance <= hits[i].distance);
    }
}

static void
ask(struct world *world, struct input *input)
{
    struct hit hits[HITS_MAX];
    uint32_t count = 0, k = 1 + byte(input) % HITS_MAX;
    struct vector query = vector_of(input);
    struct slot_filter filter = { .view = world->view };
    struct sparse_search search = { .indices = query.indices,
                                    .weights = query.values,
                                    .count = query.count,
                                    .k = k,
                                    .filter = &filter };
    enum engine_code code =
        sparse_search(world->sparse, &search, hits, &count, NULL);
    assert(code == ENGINE_OK);
    check_hits(world, &query, hits, count, k);
    uint32_t counts[ENTRIES];
    sparse_frequencies(world->sparse, query.indices, query.count, &filter,
                       counts);
    for (uint32_t i = 0; i < query.count; i++) {
        struct vector one = { 1, { query.indices[i] }, { 1 } };
        double score;
        uint32_t expected = 0;
        for (uint32_t slot = 0; slot < world->top; slot++)
            expected += world->is_there[slot] &&
                        score_of(&one, &world->vectors[slot], &score);
        assert(counts[i] == expected);
    }
}

static void
step(struct world *world, struct input *input)
{
    uint8_t kind = byte(input);
    uint32_t slot = (byte(input) % 32 * 256u + byte(input)) % SLOTS;
    if (kind % 8 < 4)
        add(world, input, slot);
    else if (kind % 8 == 4)
        drop(world, slot);
    else if (kind == 253)
        sparse_set_place(world->sparse,
                         (enum sparse_place)(slot % SPARSE_PLACES));
    else if (kind % 8 == 5)
        while (sparse_tidy(world->sparse))
            ;
    else if (kind == 255)
        add_crowd(world, input, slot);
    else
        ask(world, input);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct world world;
    struct input input = { data, size };
    /* In files, half of the time; steps move it. */
    struct sparse_options options = { .place = size % 2 == 0 ? SPARSE_PINNED
                                                             : SPARSE_COLD,
                                      .folder = "/tmp" };
    memset(world.is_there, 0, sizeof(world.is_there));
    world.top = 0;
    world.crowds = 0;
    epoch_init(&world.epoch);
    world.view = slotview_next(NULL, SLOTS);
    enum engine_code code =
        sparse_create(&world.epoch, &options, &world.sparse, NULL);
    assert(code == ENGINE_OK && world.view != NULL);
    for (int i = 0; i < STEPS && input.size > 0; i++)
        step(&world, &input);
    ask(&world, &input);
    sparse_free(world.sparse);
    slotview_discard(world.view, NULL);
    return 0;
}
