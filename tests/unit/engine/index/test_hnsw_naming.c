/* SPDX-License-Identifier: Apache-2.0
 * Covers: the count of lists that name a node, by inserts, sweeps, slots used
 * again and checkpoints; no node is left without a list that names it, also
 * where lists fill up with points that are in the middle of all. */
#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "engine/index/hnsw.h"
#include "engine/index/hnsw_graph.h"
#include "tests/fixture/suite.h"
#include "tests/unit/engine/index/cloud.h"

#define COUNT    3000u
#define DIM      384u
#define CLUSTERS 12u
#define THREADS  4

static struct slab slab;
static struct codes *codes;
static struct hnsw *hnsw;
static struct slotset dead;
static struct epoch epoch;
static _Atomic uint32_t next;

static const struct hnsw_params params = {
    .dim = DIM, .metric = METRIC_COSINE, .m = 16, .ef_construct = 64, .seed = 1
};

/* Tight clusters, and a tenth that is far from all. */
static void
put(uint32_t slot, uint32_t row)
{
    float vector[DIM];
    bool is_far = cloud_mix(row) % 10 == 0;
    for (uint32_t i = 0; i < DIM; i++) {
        float own = cloud_float((uint64_t)row * 7919 + i + 900000);
        vector[i] =
            is_far ? own : cloud_float(row % CLUSTERS * 1000 + i) + 0.05f * own;
    }
    (void)kernel_normalise(vector, DIM);
    slab_put_f32(&slab, slot, vector, DIM);
    struct codes_query query;
    ck_assert_int_eq(codes_query_init(&query, codes, NULL), ENGINE_OK);
    codes_put(codes, slot, vector, &query);
    codes_query_release(&query);
}

static void *
insert_all(void *ctx)
{
    uint32_t slot;
    (void)ctx;
    while ((slot = atomic_fetch_add(&next, 1)) < COUNT)
        ck_assert_int_eq(hnsw_insert(hnsw, slot, NULL), ENGINE_OK);
    return NULL;
}

static void
setup(void)
{
    const struct codes_params kind = { DIM, METRIC_COSINE, CODE_4, NULL };
    ck_assert_int_eq(codes_create(&kind, &codes, NULL), ENGINE_OK);
    ck_assert_int_eq(codes_reserve(codes, COUNT, NULL), ENGINE_OK);
    const struct hnsw_rows rows = { .vectors = &slab, .codes = codes };
    slab_init_f32(&slab, DIM);
    slotset_init(&dead);
    epoch_init(&epoch);
    ck_assert_int_eq(slab_reserve(&slab, COUNT, NULL), ENGINE_OK);
    ck_assert_int_eq(slotset_reserve(&dead, COUNT, NULL), ENGINE_OK);
    ck_assert_int_eq(hnsw_create(&params, &rows, &hnsw, NULL), ENGINE_OK);
    for (uint32_t slot = 0; slot < COUNT; slot++)
        put(slot, slot);
    atomic_store(&next, 0);
}

static void
teardown(void)
{
    hnsw_free(hnsw);
    codes_free(codes);
    slotset_release(&dead);
    slab_release(&slab);
}

/* Counts are what the lists say, and nobody is without. */
static void
assert_counts(const struct hnsw *graph, bool is_exact)
{
    static uint32_t named[COUNT];
    memset(named, 0, sizeof(named));
    for (uint32_t slot = 0; slot < COUNT; slot++) {
        const hnsw_link *links = hnsw_links(graph, slot, 0);
        if (!hnsw_is_linked(graph, slot))
            continue;
        for (uint32_t i = 0; i < graph->m0 && links[i] != SLOT_NONE; i++)
            named[links[i]]++;
    }
    for (uint32_t slot = 0; slot < COUNT; slot++) {
        if (!hnsw_is_linked(graph, slot))
            continue;
        /* One that was at the maximum may be too low since. */
        uint32_t count = hnsw_node(graph, slot)->in_count;
        ck_assert_uint_gt(named[slot], 0);
        ck_assert_uint_le(count, named[slot]);
        if (is_exact && named[slot] < 255)
            ck_assert_uint_eq(count, named[slot]);
    }
}

static void
sweep(void)
{
    uint32_t count, done;
    enum hnsw_sweep state = HNSW_SWEEP_WORKS;
    hnsw_sweep_begin(hnsw, &dead, &epoch, &count);
    while (state != HNSW_SWEEP_IDLE)
        ck_assert_int_eq(hnsw_sweep_work(hnsw, 100, &state, &done, NULL),
                         ENGINE_OK);
}

START_TEST(naming_leaves_no_node_unnamed)
{
    insert_all(NULL);
    assert_counts(hnsw, true);
}
END_TEST

START_TEST(naming_forces_no_link_that_is_there)
{
    for (uint32_t slot = 0; slot < 20; slot++)
        ck_assert_int_eq(hnsw_insert(hnsw, slot, NULL), ENGINE_OK);
    const hnsw_link *links = hnsw_links(hnsw, 3, 0);
    uint32_t there = links[0], count = 0;
    ck_assert_uint_ne(there, SLOT_NONE);
    ck_assert(!hnsw_link_force(hnsw, 3, there));
    for (uint32_t i = 0; i < hnsw->m0; i++)
        count += links[i] == there;
    ck_assert_uint_eq(count, 1);
}
END_TEST

START_TEST(naming_counts_what_several_threads_insert)
{
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, insert_all, NULL);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_counts(hnsw, true);
}
END_TEST

START_TEST(naming_goes_on_when_slots_are_used_again)
{
    insert_all(NULL);
    for (uint32_t round = 0; round < 4; round++) {
        for (uint32_t slot = round; slot < COUNT; slot += 5)
            slotset_add(&dead, slot);
        sweep();
        assert_counts(hnsw, false);
        for (uint32_t slot = round; slot < COUNT; slot += 5) {
            slotset_remove(&dead, slot);
            put(slot, slot + COUNT * (round + 1));
            ck_assert_int_eq(hnsw_insert(hnsw, slot, NULL), ENGINE_OK);
        }
        assert_counts(hnsw, false);
    }
}
END_TEST

struct memory {
    char *data;
    size_t size;
    size_t at;
};

static enum engine_code
take(void *ctx, const void *data, size_t size, struct error *reterr)
{
    struct memory *memory = ctx;
    (void)reterr;
    memory->data = realloc(memory->data, memory->size + size);
    ck_assert_ptr_nonnull(memory->data);
    memcpy(memory->data + memory->size, data, size);
    memory->size += size;
    return ENGINE_OK;
}

static enum engine_code
give(void *ctx, void *data, size_t size, size_t *ret_size, struct error *reterr)
{
    struct memory *memory = ctx;
    (void)reterr;
    size_t left = memory->size - memory->at;
    *ret_size = size < left ? size : left;
    memcpy(data, memory->data + memory->at, *ret_size);
    memory->at += *ret_size;
    return ENGINE_OK;
}

START_TEST(naming_is_counted_anew_from_a_checkpoint)
{
    const struct hnsw_rows rows = { .vectors = &slab, .codes = codes };
    struct memory memory = { 0 };
    struct hnsw *again = NULL;
    uint64_t sequence;
    insert_all(NULL);
    ck_assert_int_eq(hnsw_checkpoint_write(
                         hnsw, 1, &(struct hnsw_writer){ take, &memory }, NULL),
                     ENGINE_OK);
    ck_assert_int_eq(hnsw_checkpoint_read(
                         &params, &rows, &(struct hnsw_reader){ give, &memory },
                         &again, &sequence, NULL),
                     ENGINE_OK);
    assert_counts(again, true);
    hnsw_free(again);
    free(memory.data);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("index/hnsw_naming");
    TCase *tcase = tcase_create("hnsw_naming");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, naming_leaves_no_node_unnamed);
    tcase_add_test(tcase, naming_forces_no_link_that_is_there);
    tcase_add_test(tcase, naming_counts_what_several_threads_insert);
    tcase_add_test(tcase, naming_goes_on_when_slots_are_used_again);
    tcase_add_test(tcase, naming_is_counted_anew_from_a_checkpoint);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
