/* SPDX-License-Identifier: Apache-2.0
 * Covers: nodes that name only each other, which nobody counts as unnamed, are
 * found by the next sweep and linked to the rest, at their first sweep and when
 * the rest of the graph is small; a graph of one node. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "engine/index/hnsw_graph.h"
#include "tests/fixture/suite.h"
#include "tests/unit/engine/index/cloud.h"

#define COUNT  2000u
#define ISLAND 12u /* slots 100 and after: fewer than a list holds */
#define FIRST  100u
#define M      8u

static struct slab slab;
static struct hnsw *hnsw;
static struct slotset dead;
static struct epoch epoch;

static void
setup(void)
{
    const struct hnsw_params params = { .dim = CLOUD_DIM,
                                        .metric = METRIC_COSINE,
                                        .m = M,
                                        .ef_construct = 64,
                                        .seed = 1 };
    const struct hnsw_rows rows = { .vectors = &slab };
    slab_init_f32(&slab, CLOUD_DIM);
    slotset_init(&dead);
    epoch_init(&epoch);
    ck_assert_int_eq(slab_reserve(&slab, COUNT, NULL), ENGINE_OK);
    ck_assert_int_eq(slotset_reserve(&dead, COUNT, NULL), ENGINE_OK);
    ck_assert_int_eq(hnsw_create(&params, &rows, &hnsw, NULL), ENGINE_OK);
    cloud_fill(&slab, 0, COUNT);
}

static void
teardown(void)
{
    hnsw_free(hnsw);
    slotset_release(&dead);
    slab_release(&slab);
}

static void
insert(uint32_t count)
{
    for (uint32_t slot = 0; slot < count; slot++)
        ck_assert_int_eq(hnsw_insert(hnsw, slot, NULL), ENGINE_OK);
}

static void
sweep(uint32_t nodes_max)
{
    uint32_t count, done;
    enum hnsw_sweep state = HNSW_SWEEP_WORKS;
    hnsw_sweep_begin(hnsw, &dead, &epoch, &count);
    ck_assert_uint_gt(count, 0);
    while (state != HNSW_SWEEP_IDLE)
        ck_assert_int_eq(hnsw_sweep_work(hnsw, nodes_max, &state, &done, NULL),
                         ENGINE_OK);
}

static bool
is_island(uint32_t slot)
{
    return slot >= FIRST && slot < FIRST + ISLAND;
}

/* Lists on level 0 of the island name the island, all others do not. */
static void
cut_off(uint32_t count)
{
    for (uint32_t slot = 0; slot < count; slot++) {
        hnsw_link *links = hnsw_links(hnsw, slot, 0);
        uint32_t kept[2 * M], kept_count = 0;
        if (is_island(slot)) {
            for (uint32_t i = FIRST; i < FIRST + ISLAND; i++)
                if (i != slot)
                    kept[kept_count++] = i;
            hnsw_node(hnsw, slot)->in_count = ISLAND - 1;
        } else {
            for (uint32_t i = 0; i < 2 * M && links[i] != SLOT_NONE; i++)
                if (!is_island(links[i]))
                    kept[kept_count++] = links[i];
        }
        hnsw_links_write(links, 2 * M, kept, kept_count);
    }
}

/* Linked nodes that a walk over level 0 from the entry does not meet. */
static uint32_t
lost_count(void)
{
    static bool is_met[COUNT];
    static uint32_t met[COUNT];
    uint32_t count = 0, lost = 0;
    memset(is_met, 0, sizeof(is_met));
    met[count++] = (uint32_t)atomic_load(&hnsw->entry);
    is_met[met[0]] = true;
    for (uint32_t at = 0; at < count; at++) {
        const hnsw_link *links = hnsw_links(hnsw, met[at], 0);
        for (uint32_t i = 0; i < 2 * M && links[i] != SLOT_NONE; i++)
            if (!is_met[links[i]]) {
                is_met[links[i]] = true;
                met[count++] = links[i];
            }
    }
    for (uint32_t slot = 0; slot < COUNT; slot++)
        lost += hnsw_is_linked(hnsw, slot) && !is_met[slot];
    return lost;
}

START_TEST(reach_brings_an_island_back)
{
    insert(COUNT);
    cut_off(COUNT);
    ck_assert(!is_island((uint32_t)atomic_load(&hnsw->entry)));
    ck_assert_uint_ge(lost_count(), ISLAND);
    slotset_add(&dead, 10);
    slotset_add(&dead, COUNT - 1);
    sweep(_i == 0 ? 1 : 1000);
    ck_assert_uint_eq(lost_count(), 0);
}
END_TEST

START_TEST(reach_goes_round_what_dies)
{
    insert(COUNT);
    cut_off(COUNT);
    for (uint32_t slot = 0; slot < COUNT; slot++)
        if (!is_island(slot) && slot % 10 != 0)
            slotset_add(&dead, slot);
    sweep(100);
    ck_assert_uint_eq(lost_count(), 0);
}
END_TEST

START_TEST(reach_knows_a_graph_of_one)
{
    insert(2);
    slotset_add(&dead, 0);
    sweep(100);
    ck_assert_uint_eq(lost_count(), 0);
    ck_assert(hnsw_is_linked(hnsw, 1));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("index/hnsw_reach");
    TCase *tcase = tcase_create("hnsw_reach");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, reach_brings_an_island_back, 0, 2);
    tcase_add_test(tcase, reach_goes_round_what_dies);
    tcase_add_test(tcase, reach_knows_a_graph_of_one);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
