/* SPDX-License-Identifier: Apache-2.0
 * Covers: filter-first walks: recall over shares of points that pass, evenly
 * spread and far from the query; only what passes comes back; giving up;
 * samples that are not linked. Lists that are filtered at the end: how deep
 * their last hit is, and giving up on the way. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "engine/index/hnsw.h"
#include "tests/fixture/suite.h"
#include "tests/unit/engine/index/cloud.h"

#define COUNT   6000u
#define QUERIES 60u
#define K       10u
#define WORDS   (COUNT / 64 + 1)
#define SAMPLES 32u

static struct slab slab;
static struct hnsw *hnsw;
static uint64_t words[WORDS];
static uint32_t samples[SAMPLES];

static void
setup(void)
{
    struct hnsw_params params = { .dim = CLOUD_DIM,
                                  .metric = METRIC_COSINE,
                                  .m = 16,
                                  .ef_construct = 100,
                                  .seed = 1 };
    slab_init_f32(&slab, CLOUD_DIM);
    ck_assert_int_eq(slab_reserve(&slab, COUNT, NULL), ENGINE_OK);
    cloud_fill(&slab, 0, COUNT);
    ck_assert_int_eq(hnsw_create(&params,
                                 &(struct hnsw_rows){ .vectors = &slab }, &hnsw,
                                 NULL),
                     ENGINE_OK);
    for (uint32_t slot = 0; slot < COUNT - 10; slot++)
        ck_assert_int_eq(hnsw_insert(hnsw, slot, NULL), ENGINE_OK);
}

static void
teardown(void)
{
    hnsw_free(hnsw);
    slab_release(&slab);
}

static struct slot_filter
filter_of(bool (*passes)(uint32_t slot))
{
    memset(words, 0, sizeof(words));
    for (uint32_t slot = 0; slot < COUNT; slot++)
        if (passes(slot))
            words[slot / 64] |= UINT64_C(1) << (slot % 64);
    return (struct slot_filter){ .allowed = words, .allowed_count = COUNT };
}

/* Up to SAMPLES of them, from all over. */
static uint32_t
draw(const struct slot_filter *filter)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < SAMPLES; i++)
        for (uint32_t slot = i * (COUNT / SAMPLES);
             slot < (i + 1) * (COUNT / SAMPLES); slot++)
            if (slot_filter_passes(filter, slot)) {
                samples[count++] = slot;
                break;
            }
    return count;
}

static struct hnsw_found
ask(const struct slot_filter *filter, uint32_t row, uint32_t visit_max,
    struct hit *hits)
{
    float query[CLOUD_DIM];
    struct hnsw_found found = { 0 };
    uint32_t passing = 0;
    for (uint32_t slot = 0; slot < COUNT; slot++)
        passing += slot_filter_passes(filter, slot);
    struct hnsw_search search = { .k = K,
                                  .ef = 128,
                                  .visit_max = visit_max,
                                  .filter = filter,
                                  .filtering = HNSW_FILTER_FIRST,
                                  .samples = samples,
                                  .samples_count = draw(filter),
                                  .pass_per_list = 32 * passing / COUNT };
    cloud_row(row, query);
    ck_assert_int_eq(hnsw_search(hnsw, query, &search, hits, &found, NULL),
                     ENGINE_OK);
    return found;
}

static struct hnsw_found
ask_list(const struct slot_filter *filter, uint32_t row, struct hit *hits)
{
    float query[CLOUD_DIM];
    struct hnsw_found found = { 0 };
    struct hnsw_search search = {
        .k = K, .ef = 64, .filter = filter, .filtering = HNSW_FILTER_LIST
    };
    cloud_row(row, query);
    ck_assert_int_eq(hnsw_search(hnsw, query, &search, hits, &found, NULL),
                     ENGINE_OK);
    return found;
}

/* Share of the exact hits; queries are rows of their own from `first` on, in
 * steps. */
static double
recall(bool (*passes)(uint32_t slot), uint32_t first, uint32_t step)
{
    uint32_t good = 0, all = 0;
    struct slot_filter filter = filter_of(passes);
    for (uint32_t i = 0; i < QUERIES; i++) {
        float query[CLOUD_DIM];
        struct hit exact[K], hits[K];
        uint32_t count = 0, row = first + i * step;
        struct plain_scan scan = { .vectors = &slab,
                                   .dim = CLOUD_DIM,
                                   .metric = METRIC_COSINE,
                                   .slot_end = COUNT - 10,
                                   .filter = &filter };
        cloud_row(row, query);
        ck_assert_int_eq(plain_search(&scan, query, K, exact, &count, NULL),
                         ENGINE_OK);
        struct hnsw_found found = ask(&filter, row, 0, hits);
        for (uint32_t j = 0; j < found.count; j++) {
            ck_assert(slot_filter_passes(&filter, hits[j].slot));
            good += hits[j].distance <= exact[count - 1].distance + 1e-6f;
        }
        all += count;
    }
    return (double)good / all;
}

static bool
is_all(uint32_t slot)
{
    return slot < COUNT;
}

static bool
is_half(uint32_t slot)
{
    return cloud_mix(slot) % 2 == 0;
}

static bool
is_tenth(uint32_t slot)
{
    return cloud_mix(slot) % 10 == 0;
}

static bool
is_fiftieth(uint32_t slot)
{
    return cloud_mix(slot) % 50 == 0;
}

/* Whole clusters: a quarter of them. */
static bool
is_far(uint32_t slot)
{
    return slot % CLOUD_CENTRES < CLOUD_CENTRES / 4;
}

static bool
is_none(uint32_t slot)
{
    return slot > COUNT;
}

START_TEST(recall_holds_however_few_pass)
{
    ck_assert_double_ge(recall(is_all, COUNT + 1, 7), 0.97);
    ck_assert_double_ge(recall(is_half, COUNT + 1, 7), 0.97);
    ck_assert_double_ge(recall(is_tenth, COUNT + 1, 7), 0.97);
    ck_assert_double_ge(recall(is_fiftieth, COUNT + 1, 7), 0.97);
}
END_TEST

/* The queries lie in clusters of which nothing passes. */
START_TEST(what_passes_far_from_the_query_is_found)
{
    ck_assert_double_ge(recall(is_far, COUNT + 20, CLOUD_CENTRES), 0.97);
}
END_TEST

START_TEST(list_tells_how_deep_its_last_hit_is)
{
    struct hit hits[K];
    struct slot_filter all = filter_of(is_all);
    struct hnsw_found found = ask_list(&all, COUNT + 1, hits);
    ck_assert_uint_eq(found.pass_depth, K);
    ck_assert_uint_eq(found.pass_count, 64);
    struct slot_filter half = filter_of(is_half);
    found = ask_list(&half, COUNT + 1, hits);
    ck_assert_uint_eq(found.count, K);
    ck_assert_uint_ge(found.pass_count, K);
    ck_assert_uint_gt(found.pass_depth, K);
    ck_assert_uint_le(found.pass_depth, 64);
}
END_TEST

/* Nothing near the query passes: then no hits come, and it is seen early. */
START_TEST(list_is_given_up_on_the_way)
{
    struct hit hits[K];
    struct slot_filter all = filter_of(is_all);
    struct hnsw_found whole = ask_list(&all, COUNT + 20, hits);
    struct slot_filter far = filter_of(is_far);
    struct hnsw_found found = ask_list(&far, COUNT + 20, hits);
    ck_assert_uint_eq(found.count, 0);
    ck_assert_uint_eq(found.pass_count, 0);
    ck_assert_uint_eq(found.pass_depth, 0);
    ck_assert_uint_lt(found.visit_count, whole.visit_count);
}
END_TEST

START_TEST(nothing_passes_nothing_comes)
{
    struct hit hits[K];
    struct slot_filter filter = filter_of(is_none);
    struct hnsw_found found = ask(&filter, COUNT + 1, 0, hits);
    ck_assert_uint_eq(found.count, 0);
    ck_assert(found.is_short);
}
END_TEST

START_TEST(walk_gives_up_when_told)
{
    struct hit hits[K];
    struct slot_filter filter = filter_of(is_tenth);
    struct hnsw_found whole = ask(&filter, COUNT + 1, 0, hits);
    ck_assert(!whole.is_cut);
    ck_assert_uint_gt(whole.bridge_count, 0);
    struct hnsw_found cut = ask(&filter, COUNT + 1, 200, hits);
    ck_assert(cut.is_cut);
    ck_assert_uint_lt(cut.visit_count + cut.bridge_count,
                      whole.visit_count + whole.bridge_count);
}
END_TEST

static bool
is_unlinked(uint32_t slot)
{
    return slot >= COUNT - 10;
}

START_TEST(what_is_not_linked_is_left_out)
{
    struct hit hits[K];
    struct slot_filter filter = filter_of(is_unlinked);
    struct hnsw_found found = ask(&filter, COUNT - 5, 0, hits);
    ck_assert_uint_eq(found.count, 0);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("hnsw_filter");
    TCase *tcase = tcase_create("hnsw_filter");
    tcase_add_unchecked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, recall_holds_however_few_pass);
    tcase_add_test(tcase, what_passes_far_from_the_query_is_found);
    tcase_add_test(tcase, list_tells_how_deep_its_last_hit_is);
    tcase_add_test(tcase, list_is_given_up_on_the_way);
    tcase_add_test(tcase, nothing_passes_nothing_comes);
    tcase_add_test(tcase, walk_gives_up_when_told);
    tcase_add_test(tcase, what_is_not_linked_is_left_out);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
