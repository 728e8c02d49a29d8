/* SPDX-License-Identifier: Apache-2.0
 * Covers: merging keys into a list against inserting them one by one, for all
 * sizes of list and batch; what a walk on each level brings. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "engine/index/hnsw_graph.h"
#include "tests/fixture/suite.h"
#include "tests/unit/engine/index/cloud.h"

#define ROOM 70u

START_TEST(key_list_merge_is_as_inserting_each)
{
    uint64_t merged_keys[ROOM + 1], single_keys[ROOM + 1];
    uint32_t count_max = (uint32_t)_i;
    uint64_t state = 5;
    struct key_list merged = { merged_keys, 0, count_max };
    struct key_list single = { single_keys, 0, count_max };
    for (uint32_t round = 0; round < 400; round++) {
        uint64_t keys[KEY_MERGE_MAX];
        uint32_t count = 1 + round * 7 % KEY_MERGE_MAX;
        uint32_t lowest = count_max;
        if (round % 40 == 0)
            merged.count = single.count = 0;
        for (uint32_t i = 0; i < count; i++) {
            state = cloud_mix(state);
            keys[i] = state << 1;
        }
        for (uint32_t i = 0; i < count; i++) {
            uint32_t place = key_list_insert(&single, keys[i]);
            lowest = place < lowest ? place : lowest;
        }
        uint32_t place = key_list_merge(&merged, keys, count);
        ck_assert_uint_eq(place < count_max ? place : count_max, lowest);
        ck_assert_uint_eq(merged.count, single.count);
        ck_assert_mem_eq(merged_keys, single_keys,
                         single.count * sizeof(*single_keys));
    }
}
END_TEST

START_TEST(hnsw_walk_gives_the_closest_of_a_level)
{
    const uint32_t count = 2000;
    struct slab slab;
    struct hnsw *hnsw;
    struct hnsw_params params = { .dim = CLOUD_DIM,
                                  .metric = METRIC_COSINE,
                                  .m = 8,
                                  .ef_construct = 64,
                                  .seed = 1 };
    slab_init_f32(&slab, CLOUD_DIM);
    ck_assert_int_eq(slab_reserve(&slab, count, NULL), ENGINE_OK);
    cloud_fill(&slab, 0, count);
    ck_assert_int_eq(hnsw_create(&params,
                                 &(struct hnsw_rows){ .vectors = &slab }, &hnsw,
                                 NULL),
                     ENGINE_OK);
    for (uint32_t slot = 0; slot < count; slot++)
        ck_assert_int_eq(hnsw_insert(hnsw, slot, NULL), ENGINE_OK);
    uint64_t entry = atomic_load(&hnsw->entry);
    struct scratch *scratch = scratch_take(hnsw->scratches, count, 50);
    struct hnsw_walk walk = { .hnsw = hnsw,
                              .query = slab_f32(&slab, 7),
                              .scratch = scratch };
    ck_assert_uint_ge(entry >> 32, 3);
    hnsw_walk_down(&walk, entry, 1, 50);
    ck_assert(walk.list.count > 1);
    for (uint32_t i = 0; i < walk.list.count; i++) {
        uint32_t slot = key_slot(walk.list.keys[i]);
        ck_assert_uint_ge(atomic_load(&hnsw_node(hnsw, slot)->level), 1);
        ck_assert(i == 0 || walk.list.keys[i - 1] < walk.list.keys[i]);
    }
    hnsw_walk_lower(&walk, 0);
    ck_assert_uint_eq(walk.list.count, 50);
    ck_assert(key_distance(walk.best) <= -0.999f);
    scratch_clear(scratch);
    walk.is_done = false;
    hnsw_walk_down(&walk, entry, 0, 0);
    ck_assert_uint_eq(walk.list.count, 0);
    ck_assert(key_distance(walk.best) <= -0.5f);
    scratch_give(hnsw->scratches, scratch);
    hnsw_free(hnsw);
    slab_release(&slab);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("index/hnsw_walk");
    TCase *tcase = tcase_create("hnsw_walk");
    tcase_add_loop_test(tcase, key_list_merge_is_as_inserting_each, 1, ROOM);
    tcase_add_test(tcase, hnsw_walk_gives_the_closest_of_a_level);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
