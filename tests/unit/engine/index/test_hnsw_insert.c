/* SPDX-License-Identifier: Apache-2.0
 * Covers: inserts by several threads while others search and one writes
 * checkpoints; recall of the result; equal points, few, many and all, walked
 * on vectors and on codes. */
#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"
#include "tests/unit/engine/index/cloud_graph.h"

#define COUNT       4000u
#define MIX_DIM_MAX 384u

struct job {
    struct slab slab;
    struct hnsw *hnsw;
    _Atomic uint32_t next;
    _Atomic bool is_done;
    _Atomic uint64_t search_count;
};

static void
job_open(struct job *job, enum metric metric)
{
    struct hnsw_params params = { .dim = CLOUD_DIM,
                                  .metric = metric,
                                  .m = 16,
                                  .ef_construct = 100,
                                  .seed = 1 };
    slab_init_f32(&job->slab, CLOUD_DIM);
    ck_assert_int_eq(slab_reserve(&job->slab, COUNT, NULL), ENGINE_OK);
    ck_assert_int_eq(hnsw_create(&params,
                                 &(struct hnsw_rows){ .vectors = &job->slab },
                                 &job->hnsw, NULL),
                     ENGINE_OK);
    atomic_init(&job->next, 0);
    atomic_init(&job->is_done, false);
    atomic_init(&job->search_count, 0);
}

static void
job_close(struct job *job)
{
    hnsw_free(job->hnsw);
    slab_release(&job->slab);
}

/* Writes the row just before its insert, as a living shard does. */
static void *
insert_all(void *ctx)
{
    struct job *job = ctx;
    uint32_t slot;
    while ((slot = atomic_fetch_add(&job->next, 1)) < COUNT) {
        cloud_fill(&job->slab, slot, slot + 1);
        ck_assert_int_eq(hnsw_insert(job->hnsw, slot, NULL), ENGINE_OK);
    }
    return NULL;
}

static void *
search_on(void *ctx)
{
    struct job *job = ctx;
    for (uint32_t i = 0; !atomic_load(&job->is_done) || i < 100; i++) {
        struct hit hits[CLOUD_K];
        uint32_t count, before = hnsw_linked_count(job->hnsw);
        cloud_search(job->hnsw, i, NULL, hits, &count);
        ck_assert(count == CLOUD_K || before < 2 * CLOUD_K);
        for (uint32_t j = 1; j < count; j++) {
            ck_assert(hits[j - 1].distance <= hits[j].distance);
            ck_assert(hits[j - 1].slot != hits[j].slot);
        }
        atomic_fetch_add(&job->search_count, 1);
    }
    return NULL;
}

static void *
checkpoint_on(void *ctx)
{
    struct job *job = ctx;
    while (!atomic_load(&job->is_done))
        cloud_checkpoint(job->hnsw);
    return NULL;
}

static double
recall(const struct job *job)
{
    struct plain_scan scan = { .vectors = &job->slab,
                               .dim = CLOUD_DIM,
                               .metric = METRIC_COSINE,
                               .slot_end = COUNT };
    return cloud_recall(job->hnsw, &scan, 128);
}

START_TEST(hnsw_insert_goes_on_beside_searches_and_checkpoints)
{
    struct job job;
    pthread_t inserters[3], searchers[2], writer;
    job_open(&job, METRIC_COSINE);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(pthread_create(&searchers[i], NULL, search_on, &job),
                         0);
    ck_assert_int_eq(pthread_create(&writer, NULL, checkpoint_on, &job), 0);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(pthread_create(&inserters[i], NULL, insert_all, &job),
                         0);
    for (int i = 0; i < 3; i++)
        pthread_join(inserters[i], NULL);
    atomic_store(&job.is_done, true);
    for (int i = 0; i < 2; i++)
        pthread_join(searchers[i], NULL);
    pthread_join(writer, NULL);
    ck_assert_uint_eq(hnsw_linked_count(job.hnsw), COUNT);
    ck_assert_uint_gt(atomic_load(&job.search_count), 0);
    double got = recall(&job);
    ck_assert_msg(got >= 0.98, "recall %.4f", got);
    job_close(&job);
}
END_TEST

START_TEST(hnsw_insert_links_points_that_are_all_the_same)
{
    struct job job;
    struct hit hits[CLOUD_K];
    struct hnsw_found found;
    struct hnsw_search search = { .k = CLOUD_K, .ef = 64 };
    job_open(&job, METRIC_EUCLID);
    for (uint32_t slot = 0; slot < 1000; slot++) {
        float vector[CLOUD_DIM];
        cloud_row(0, vector);
        slab_put_f32(&job.slab, slot, vector, CLOUD_DIM);
        ck_assert_int_eq(hnsw_insert(job.hnsw, slot, NULL), ENGINE_OK);
    }
    ck_assert_int_eq(hnsw_search(job.hnsw, slab_f32(&job.slab, 0), &search,
                                 hits, &found, NULL),
                     ENGINE_OK);
    ck_assert_uint_eq(found.count, CLOUD_K);
    job_close(&job);
}
END_TEST

/* Cloud rows, as many times one after another as fit, and among them equal
 * ones in the middle of all. */
struct mix {
    struct slab slab;
    struct codes *codes;
    struct hnsw *hnsw;
    uint32_t dim;
    uint32_t count;
    uint32_t percent;
};

static bool
mix_is_equal(const struct mix *mix, uint32_t row)
{
    return cloud_mix(row) % 100 < mix->percent;
}

static void
mix_row(const struct mix *mix, uint32_t row, float *ret_vector)
{
    for (uint32_t i = 0; i < mix->dim; i += CLOUD_DIM) {
        float part[CLOUD_DIM] = { 0 };
        if (!mix_is_equal(mix, row))
            cloud_row(row * 16 + i / CLOUD_DIM, part);
        memcpy(ret_vector + i, part, sizeof(part));
    }
}

static void
mix_open(struct mix *mix)
{
    struct hnsw_params params = { .dim = mix->dim,
                                  .metric = METRIC_EUCLID,
                                  .m = 16,
                                  .ef_construct = 100,
                                  .seed = 1 };
    struct codes_params coded = { .dim = mix->dim, .metric = METRIC_EUCLID };
    struct codes_query query;
    float vector[MIX_DIM_MAX];
    slab_init_f32(&mix->slab, mix->dim);
    ck_assert_int_eq(slab_reserve(&mix->slab, mix->count, NULL), ENGINE_OK);
    mix->codes = NULL;
    if (codes_choose(mix->dim, METRIC_EUCLID, &coded.kind)) {
        ck_assert_int_eq(codes_create(&coded, &mix->codes, NULL), ENGINE_OK);
        ck_assert_int_eq(codes_reserve(mix->codes, mix->count, NULL),
                         ENGINE_OK);
        ck_assert_int_eq(codes_query_init(&query, mix->codes, NULL), ENGINE_OK);
    }
    ck_assert_int_eq(hnsw_create(&params,
                                 &(struct hnsw_rows){ .vectors = &mix->slab,
                                                      .codes = mix->codes },
                                 &mix->hnsw, NULL),
                     ENGINE_OK);
    for (uint32_t slot = 0; slot < mix->count; slot++) {
        mix_row(mix, slot, vector);
        slab_put_f32(&mix->slab, slot, vector, mix->dim);
        if (mix->codes != NULL)
            codes_put(mix->codes, slot, vector, &query);
        ck_assert_int_eq(hnsw_insert(mix->hnsw, slot, NULL), ENGINE_OK);
    }
    if (mix->codes != NULL)
        codes_query_release(&query);
}

static void
mix_close(struct mix *mix)
{
    hnsw_free(mix->hnsw);
    codes_free(mix->codes);
    slab_release(&mix->slab);
}

static double
mix_recall(const struct mix *mix)
{
    uint32_t good = 0;
    for (uint32_t i = 0; i < 100; i++) {
        float query[MIX_DIM_MAX];
        struct hit exact[CLOUD_K], hits[CLOUD_K];
        struct hnsw_found found;
        uint32_t count;
        struct plain_scan scan = { .vectors = &mix->slab,
                                   .dim = mix->dim,
                                   .metric = METRIC_EUCLID,
                                   .slot_end = mix->count };
        struct hnsw_search search = { .k = CLOUD_K, .ef = 192 };
        mix_row(mix, 2000000 + i, query);
        ck_assert_int_eq(
            plain_search(&scan, query, CLOUD_K, exact, &count, NULL),
            ENGINE_OK);
        ck_assert_int_eq(
            hnsw_search(mix->hnsw, query, &search, hits, &found, NULL),
            ENGINE_OK);
        ck_assert_uint_eq(found.count, CLOUD_K);
        for (uint32_t j = 0; j < CLOUD_K; j++)
            good += hits[j].distance <= exact[CLOUD_K - 1].distance * 1.00001f;
    }
    return (double)good / (100.0 * CLOUD_K);
}

static bool
is_it(void *ctx, uint32_t slot)
{
    return *(const uint32_t *)ctx == slot;
}

/* Slots of every `step` that a walk to all of the graph does not meet. */
static uint32_t
mix_lost(const struct mix *mix, uint32_t step)
{
    uint32_t lost = 0;
    for (uint32_t slot = 0; slot < mix->count; slot += step) {
        struct slot_filter filter = { .accept = is_it, .accept_ctx = &slot };
        struct hnsw_search search = { .k = 1, .ef = 8, .filter = &filter };
        struct hit hit;
        struct hnsw_found found;
        ck_assert_int_eq(hnsw_search(mix->hnsw, slab_f32(&mix->slab, slot),
                                     &search, &hit, &found, NULL),
                         ENGINE_OK);
        lost += found.count == 0;
    }
    return lost;
}

static const struct mix_case {
    uint32_t dim;
    uint32_t percent;
    double recall;
} mix_cases[] = {
    { 24, 2, 0.95 },  { 24, 20, 0.95 },  { 24, 100, 1.0 },
    { 384, 2, 0.95 }, { 384, 20, 0.95 }, { 384, 100, 1.0 },
};

START_TEST(hnsw_insert_keeps_recall_and_reach_among_equal_points)
{
    const struct mix_case *this = &mix_cases[_i];
    struct mix mix = { .dim = this->dim,
                       .count = 3000,
                       .percent = this->percent };
    mix_open(&mix);
    double got = mix_recall(&mix);
    uint32_t lost = mix_lost(&mix, 7);
    ck_assert_msg(got >= this->recall, "recall %.4f", got);
    ck_assert_uint_eq(lost, 0);
    mix_close(&mix);
}
END_TEST

START_TEST(hnsw_insert_finds_a_far_point_again)
{
    struct job job;
    struct hit hits[1];
    struct hnsw_found found;
    struct hnsw_search search = { .k = 1, .ef = 64 };
    float far[CLOUD_DIM];
    job_open(&job, METRIC_EUCLID);
    for (uint32_t slot = 0; slot < 1500; slot++) {
        cloud_fill(&job.slab, slot, slot + 1);
        ck_assert_int_eq(hnsw_insert(job.hnsw, slot, NULL), ENGINE_OK);
    }
    for (uint32_t i = 0; i < CLOUD_DIM; i++)
        far[i] = 100.0f;
    slab_put_f32(&job.slab, 1500, far, CLOUD_DIM);
    ck_assert_int_eq(hnsw_insert(job.hnsw, 1500, NULL), ENGINE_OK);
    ck_assert_int_eq(hnsw_search(job.hnsw, far, &search, hits, &found, NULL),
                     ENGINE_OK);
    ck_assert_uint_eq(hits[0].slot, 1500);
    job_close(&job);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("index/hnsw_insert");
    TCase *tcase = tcase_create("hnsw_insert");
    tcase_add_test(tcase, hnsw_insert_goes_on_beside_searches_and_checkpoints);
    tcase_add_test(tcase, hnsw_insert_links_points_that_are_all_the_same);
    tcase_add_loop_test(tcase,
                        hnsw_insert_keeps_recall_and_reach_among_equal_points,
                        0, sizeof(mix_cases) / sizeof(mix_cases[0]));
    tcase_add_test(tcase, hnsw_insert_finds_a_far_point_again);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
