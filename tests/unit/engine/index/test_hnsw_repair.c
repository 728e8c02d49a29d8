/* SPDX-License-Identifier: Apache-2.0
 * Covers: a sweep takes all marked nodes out of all lists and keeps recall and
 * in-links, also when most or all die; the entry; slots used again; readers
 * inside the epoch; sweeps beside inserts, searches and checkpoints; what a
 * checkpoint says about slots that were used again. */
#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "engine/index/hnsw_graph.h"
#include "tests/fixture/suite.h"
#include "tests/unit/engine/index/cloud_graph.h"

#define COUNT 3000u
#define M     8u

static struct slab slab;
static struct hnsw *hnsw;
static struct slotset dead;
static struct epoch epoch;
static struct codes *codes; /* NULL: the graph is on the vectors */

/* Row numbers of the cloud by slot. */
static uint32_t rows[COUNT];

static void
put(uint32_t slot, uint32_t row)
{
    float vector[CLOUD_DIM];
    rows[slot] = row;
    cloud_row(row, vector);
    slab_put_f32(&slab, slot, vector, CLOUD_DIM);
    if (codes != NULL) {
        struct codes_query query;
        ck_assert_int_eq(codes_query_init(&query, codes, NULL), ENGINE_OK);
        codes_put(codes, slot, vector, &query);
        codes_query_release(&query);
    }
}

static void
setup(void)
{
    struct hnsw_params params = { .dim = CLOUD_DIM,
                                  .metric = METRIC_COSINE,
                                  .m = M,
                                  .ef_construct = 64,
                                  .seed = 1 };
    slab_init_f32(&slab, CLOUD_DIM);
    slotset_init(&dead);
    epoch_init(&epoch);
    ck_assert_int_eq(slab_reserve(&slab, COUNT, NULL), ENGINE_OK);
    ck_assert_int_eq(slotset_reserve(&dead, COUNT, NULL), ENGINE_OK);
    ck_assert_int_eq(
        hnsw_create(&params,
                    &(struct hnsw_rows){ .vectors = &slab, .codes = codes },
                    &hnsw, NULL),
        ENGINE_OK);
    for (uint32_t slot = 0; slot < COUNT; slot++) {
        put(slot, slot);
        ck_assert_int_eq(hnsw_insert(hnsw, slot, NULL), ENGINE_OK);
    }
}

static void
setup_codes(void)
{
    struct codes_params params = { CLOUD_DIM, METRIC_COSINE, CODE_8, NULL };
    ck_assert_int_eq(codes_create(&params, &codes, NULL), ENGINE_OK);
    ck_assert_int_eq(codes_reserve(codes, COUNT, NULL), ENGINE_OK);
    setup();
}

static void
teardown(void)
{
    hnsw_free(hnsw);
    codes_free(codes);
    codes = NULL;
    slotset_release(&dead);
    slab_release(&slab);
}

static uint32_t
sweep(void)
{
    uint32_t count, done;
    enum hnsw_sweep state = HNSW_SWEEP_WORKS;
    hnsw_sweep_begin(hnsw, &dead, &epoch, &count);
    while (state != HNSW_SWEEP_IDLE)
        ck_assert_int_eq(hnsw_sweep_work(hnsw, 100, &state, &done, NULL),
                         ENGINE_OK);
    ck_assert(!hnsw_is_sweeping(hnsw));
    return count;
}

/* Among the living points. */
static double
recall(uint32_t ef)
{
    struct slot_filter filter = { .deleted = &dead };
    struct plain_scan scan = { .vectors = &slab,
                               .dim = CLOUD_DIM,
                               .metric = METRIC_COSINE,
                               .slot_end = COUNT,
                               .filter = &filter };
    return cloud_recall(hnsw, &scan, ef);
}

/* Every list of a living node names living nodes of its level only; counts
 * those of level 0 that no list names. */
static uint32_t
check_lists(void)
{
    static uint8_t named[COUNT];
    uint32_t unnamed = 0;
    memset(named, 0, sizeof(named));
    for (uint32_t slot = 0; slot < COUNT; slot++) {
        if (!hnsw_is_linked(hnsw, slot))
            continue;
        for (uint32_t level = 0; level <= hnsw_level_of(hnsw, slot); level++) {
            const hnsw_link *links = hnsw_links(hnsw, slot, level);
            for (uint32_t i = 0; i < hnsw_links_max(hnsw, level); i++) {
                uint32_t link = hnsw_link_load(&links[i]);
                if (link == SLOT_NONE)
                    break;
                ck_assert(hnsw_is_linked(hnsw, link));
                ck_assert_uint_ge(hnsw_level_of(hnsw, link), level);
                ck_assert_uint_ne(link, slot);
                named[link] |= level == 0;
            }
        }
    }
    for (uint32_t slot = 0; slot < COUNT; slot++)
        unnamed += hnsw_is_linked(hnsw, slot) && named[slot] == 0;
    return unnamed;
}

static uint32_t
kill_some(uint32_t begin, uint32_t step)
{
    uint32_t count = 0;
    for (uint32_t slot = begin; slot < COUNT; slot += step)
        count += slotset_add(&dead, slot);
    return count;
}

START_TEST(sweep_takes_the_dead_out_of_all_lists)
{
    double before = recall(64);
    uint32_t entry = (uint32_t)atomic_load(&hnsw->entry);
    uint32_t count = kill_some(3, 10);
    count += slotset_add(&dead, entry);
    ck_assert_uint_eq(sweep(), count);
    ck_assert_uint_eq(hnsw_linked_count(hnsw), COUNT - count);
    ck_assert(!hnsw_is_held(hnsw, 3));
    ck_assert(!hnsw_is_held(hnsw, entry));
    ck_assert(hnsw_is_linked(hnsw, (uint32_t)atomic_load(&hnsw->entry)));
    ck_assert_uint_eq(check_lists(), 0);
    double after = recall(64);
    ck_assert_msg(after >= before - 0.01, "%.4f, was %.4f", after, before);
}
END_TEST

START_TEST(sweep_of_nothing_is_none)
{
    ck_assert_uint_eq(sweep(), 0);
    ck_assert_uint_eq(hnsw_linked_count(hnsw), COUNT);
}
END_TEST

START_TEST(sweep_of_most_points_leaves_a_good_graph)
{
    for (uint32_t slot = 0; slot < COUNT; slot++)
        if (slot % 10 != 7)
            slotset_add(&dead, slot);
    sweep();
    ck_assert_uint_eq(hnsw_linked_count(hnsw), COUNT / 10);
    ck_assert_uint_eq(check_lists(), 0);
    ck_assert_double_ge(recall(64), 0.98);
}
END_TEST

START_TEST(sweep_of_all_points_leaves_an_empty_graph)
{
    kill_some(0, 1);
    sweep();
    ck_assert_uint_eq(hnsw_linked_count(hnsw), 0);
    ck_assert(atomic_load(&hnsw->entry) == 0);
    for (uint32_t slot = 0; slot < COUNT; slot++) {
        put(slot, 5000 + slot);
        slotset_remove(&dead, slot);
        ck_assert_int_eq(hnsw_insert(hnsw, slot, NULL), ENGINE_OK);
    }
    ck_assert_double_ge(recall(64), 0.97);
}
END_TEST

START_TEST(sweep_lets_slots_be_used_again_and_recall_stays)
{
    double before = recall(64);
    uint32_t upper_count = atomic_load(&hnsw->upper_count);
    /* Each point is replaced three times, a tenth at a time. */
    for (uint32_t round = 0; round < 30; round++) {
        kill_some(round % 10, 10);
        sweep();
        for (uint32_t slot = round % 10; slot < COUNT; slot += 10) {
            put(slot, 10000 * (round + 1) + slot);
            slotset_remove(&dead, slot);
            ck_assert_int_eq(hnsw_insert(hnsw, slot, NULL), ENGINE_OK);
        }
    }
    ck_assert_uint_eq(hnsw_linked_count(hnsw), COUNT);
    ck_assert_uint_eq(atomic_load(&hnsw->upper_count), upper_count);
    check_lists();
    double after = recall(64);
    ck_assert_msg(after >= before - 0.01, "%.4f, was %.4f", after, before);
}
END_TEST

START_TEST(sweep_waits_for_readers_inside)
{
    uint32_t count, done;
    enum hnsw_sweep state;
    kill_some(0, 20);
    uint32_t first = epoch_enter(&epoch);
    hnsw_sweep_begin(hnsw, &dead, &epoch, &count);
    ck_assert_int_eq(hnsw_sweep_work(hnsw, COUNT, &state, &done, NULL),
                     ENGINE_OK);
    ck_assert_int_eq(state, HNSW_SWEEP_WAITS);
    uint32_t second = epoch_enter(&epoch);
    epoch_leave(&epoch, first);
    do
        ck_assert_int_eq(hnsw_sweep_work(hnsw, COUNT, &state, &done, NULL),
                         ENGINE_OK);
    while (state == HNSW_SWEEP_WORKS);
    ck_assert_int_eq(state, HNSW_SWEEP_WAITS);
    ck_assert(hnsw_is_held(hnsw, 0));
    ck_assert_uint_eq(check_lists(), 0);
    epoch_leave(&epoch, second);
    ck_assert_int_eq(hnsw_sweep_work(hnsw, COUNT, &state, &done, NULL),
                     ENGINE_OK);
    ck_assert_int_eq(state, HNSW_SWEEP_IDLE);
    ck_assert(!hnsw_is_held(hnsw, 0));
}
END_TEST

/* ---- threads ---- */

struct life {
    _Atomic uint32_t next; /* steps of the inserters */
    _Atomic bool is_done;
    _Atomic uint32_t sweeps;
};

#define STEPS (COUNT * 2)

/* Kills a slot, waits until it is free, puts another point there. */
static void *
replace_on(void *ctx)
{
    struct life *life = ctx;
    uint32_t mine[16];
    uint32_t step;
    while ((step = atomic_fetch_add(&life->next, 16)) < STEPS) {
        for (uint32_t i = 0; i < 16; i++) {
            mine[i] = (step + i) * 7 % COUNT;
            slotset_add(&dead, mine[i]);
        }
        for (uint32_t i = 0; i < 16; i++) {
            while (hnsw_is_held(hnsw, mine[i]))
                sched_yield();
            put(mine[i], 10000 + step + i);
            slotset_remove(&dead, mine[i]);
            uint32_t place = epoch_enter(&epoch);
            ck_assert_int_eq(hnsw_insert(hnsw, mine[i], NULL), ENGINE_OK);
            epoch_leave(&epoch, place);
        }
    }
    return NULL;
}

static void *
sweep_on(void *ctx)
{
    struct life *life = ctx;
    while (!atomic_load(&life->is_done)) {
        enum hnsw_sweep state;
        uint32_t count, done;
        hnsw_sweep_begin(hnsw, &dead, &epoch, &count);
        atomic_fetch_add(&life->sweeps, count > 0);
        ck_assert_int_eq(hnsw_sweep_work(hnsw, 200, &state, &done, NULL),
                         ENGINE_OK);
        if (state == HNSW_SWEEP_WAITS)
            sched_yield();
    }
    return NULL;
}

static void *
search_on(void *ctx)
{
    struct life *life = ctx;
    struct slot_filter filter = { .deleted = &dead };
    for (uint32_t i = 0; !atomic_load(&life->is_done); i++) {
        struct hit hits[CLOUD_K];
        uint32_t count, place = epoch_enter(&epoch);
        cloud_search(hnsw, i, &filter, hits, &count);
        epoch_leave(&epoch, place);
        ck_assert_uint_eq(count, CLOUD_K);
    }
    return NULL;
}

static void *
checkpoint_on(void *ctx)
{
    struct life *life = ctx;
    while (!atomic_load(&life->is_done)) {
        uint32_t place = epoch_enter(&epoch);
        cloud_checkpoint(hnsw);
        epoch_leave(&epoch, place);
    }
    return NULL;
}

START_TEST(sweep_goes_on_beside_everything_else)
{
    struct life life = { .next = 0 };
    pthread_t replacers[2], sweepers[2], searcher, writer;
    ck_assert_int_eq(pthread_create(&searcher, NULL, search_on, &life), 0);
    ck_assert_int_eq(pthread_create(&writer, NULL, checkpoint_on, &life), 0);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(pthread_create(&sweepers[i], NULL, sweep_on, &life),
                         0);
        ck_assert_int_eq(pthread_create(&replacers[i], NULL, replace_on, &life),
                         0);
    }
    for (int i = 0; i < 2; i++)
        pthread_join(replacers[i], NULL);
    atomic_store(&life.is_done, true);
    for (int i = 0; i < 2; i++)
        pthread_join(sweepers[i], NULL);
    pthread_join(searcher, NULL);
    pthread_join(writer, NULL);
    ck_assert_uint_gt(atomic_load(&life.sweeps), 2);
    sweep();
    ck_assert_uint_eq(hnsw_linked_count(hnsw), COUNT);
    check_lists();
    ck_assert_double_ge(recall(64), 0.97);
}
END_TEST

/* ---- checkpoints ---- */

struct file {
    char *data;
    size_t size;
    size_t at;
};

static enum engine_code
file_write(void *ctx, const void *data, size_t size, struct error *reterr)
{
    struct file *file = ctx;
    (void)reterr;
    file->data = realloc(file->data, file->size + size);
    ck_assert_ptr_nonnull(file->data);
    memcpy(file->data + file->size, data, size);
    file->size += size;
    return ENGINE_OK;
}

static enum engine_code
file_read(void *ctx, void *data, size_t size, size_t *ret_size,
          struct error *reterr)
{
    struct file *file = ctx;
    (void)reterr;
    size_t left = file->size - file->at;
    *ret_size = size < left ? size : left;
    memcpy(data, file->data + file->at, *ret_size);
    file->at += *ret_size;
    return ENGINE_OK;
}

static void
save_and_load(void)
{
    struct file file = { .size = 0 };
    struct hnsw_writer writer = { file_write, &file };
    struct hnsw_reader reader = { file_read, &file };
    struct hnsw_params params = hnsw->params;
    uint64_t sequence;
    ck_assert_int_eq(hnsw_checkpoint_write(hnsw, 1, &writer, NULL), ENGINE_OK);
    hnsw_free(hnsw);
    /* What was used again since the checkpoint, and what is gone. */
    for (uint32_t slot = 0; slot < COUNT; slot += 11)
        put(slot, 50000 + slot);
    for (uint32_t slot = 5; slot < COUNT; slot += 110) {
        memset(slab_row(&slab, slot), 0, slab.row_size);
        if (codes != NULL)
            memset(slab_row(codes->rows, slot), 0, codes->rows->row_size);
        slotset_add(&dead, slot);
    }
    ck_assert_int_eq(hnsw_checkpoint_read(&params,
                                          &(struct hnsw_rows){ .vectors = &slab,
                                                               .codes = codes },
                                          &reader, &hnsw, &sequence, NULL),
                     ENGINE_OK);
    free(file.data);
}

START_TEST(checkpoint_knows_slots_that_were_used_again)
{
    save_and_load();
    uint32_t stale = 0;
    for (uint32_t slot = 0; slot < COUNT; slot++) {
        bool is_stale = slot % 11 == 0 || slot % 110 == 5;
        stale += is_stale;
        ck_assert(hnsw_is_held(hnsw, slot));
        ck_assert_int_eq(hnsw_is_linked(hnsw, slot), !is_stale);
    }
    ck_assert_uint_eq(hnsw_linked_count(hnsw), COUNT - stale);
    /* And again, before anything was swept. */
    save_and_load();
    ck_assert_uint_eq(hnsw_linked_count(hnsw), COUNT - stale);
    ck_assert_double_ge(recall(64), 0.9);
    sweep();
    ck_assert(!hnsw_is_held(hnsw, 0));
    for (uint32_t slot = 0; slot < COUNT; slot += 11)
        if (!slotset_has(&dead, slot))
            ck_assert_int_eq(hnsw_insert(hnsw, slot, NULL), ENGINE_OK);
    check_lists();
    ck_assert_double_ge(recall(64), 0.97);
}
END_TEST

START_TEST(slots_that_are_cut_off_come_again)
{
    size_t before = hnsw_memory(hnsw).used_size;
    uint32_t upper_count = atomic_load(&hnsw->upper_count);
    double fresh = recall(64);
    for (int round = 0; round < 3; round++) {
        for (uint32_t slot = COUNT / 4; slot < COUNT; slot++)
            slotset_add(&dead, slot);
        ck_assert_uint_eq(sweep(), COUNT - COUNT / 4);
        hnsw_cut(hnsw, COUNT / 4);
        ck_assert_uint_eq(atomic_load(&hnsw->slot_end), COUNT / 4);
        ck_assert_uint_lt(hnsw_memory(hnsw).used_size, before * 3 / 4);
        ck_assert(!hnsw_is_held(hnsw, COUNT - 1));
        ck_assert_uint_eq(hnsw_state(hnsw, COUNT - 1), HNSW_NONE);
        ck_assert_double_ge(recall(64), 0.95);
        for (uint32_t slot = COUNT / 4; slot < COUNT; slot++) {
            slotset_remove(&dead, slot);
            put(slot, slot + (uint32_t)round * COUNT);
            ck_assert_int_eq(hnsw_insert(hnsw, slot, NULL), ENGINE_OK);
        }
        /* Upper rows are used again. */
        ck_assert_uint_eq(atomic_load(&hnsw->upper_count), upper_count);
        ck_assert_uint_eq(hnsw_linked_count(hnsw), COUNT);
        check_lists();
        ck_assert_double_ge(recall(64), fresh - 0.03);
    }
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("index/hnsw_repair");
    for (int with_codes = 0; with_codes < 2; with_codes++) {
        TCase *tcase = tcase_create(with_codes ? "codes" : "vectors");
        tcase_add_checked_fixture(tcase, with_codes ? setup_codes : setup,
                                  teardown);
        tcase_set_timeout(tcase, 300);
        tcase_add_test(tcase, sweep_takes_the_dead_out_of_all_lists);
        tcase_add_test(tcase, sweep_of_nothing_is_none);
        tcase_add_test(tcase, sweep_of_most_points_leaves_a_good_graph);
        tcase_add_test(tcase, sweep_of_all_points_leaves_an_empty_graph);
        tcase_add_test(tcase, sweep_lets_slots_be_used_again_and_recall_stays);
        tcase_add_test(tcase, sweep_waits_for_readers_inside);
        tcase_add_test(tcase, sweep_goes_on_beside_everything_else);
        tcase_add_test(tcase, checkpoint_knows_slots_that_were_used_again);
        tcase_add_test(tcase, slots_that_are_cut_off_come_again);
        suite_add_tcase(suite, tcase);
    }
    return suite_run(suite);
}
