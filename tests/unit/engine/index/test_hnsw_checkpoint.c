/* SPDX-License-Identifier: Apache-2.0
 * Covers: a graph comes back as it was and grows on; gaps; an empty graph;
 * every cut and many flipped bits are refused; other parameters, newer
 * versions, failing writers and readers. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "engine/index/hnsw.h"
#include "tests/fixture/suite.h"
#include "tests/unit/engine/index/cloud.h"

#define COUNT 700u
#define K     10u

static const struct hnsw_params params = { .dim = CLOUD_DIM,
                                           .metric = METRIC_COSINE,
                                           .m = 6,
                                           .ef_construct = 50,
                                           .seed = 1 };
static struct slab slab;
static struct hnsw *hnsw;

/* A file in memory. */
struct file {
    char *data;
    size_t size;
    size_t room;
    size_t at;
    size_t fail_at; /* a write past it fails; 0 = none */
};

static enum engine_code
file_write(void *ctx, const void *data, size_t size, struct error *reterr)
{
    struct file *file = ctx;
    if (file->fail_at != 0 && file->size + size > file->fail_at)
        return error_set(reterr, ENGINE_ENOSPACE, "disk full");
    if (file->size + size > file->room) {
        file->room = (file->size + size) * 2;
        file->data = realloc(file->data, file->room);
        ck_assert_ptr_nonnull(file->data);
    }
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
    size_t part = size < left ? size : left;
    memcpy(data, file->data + file->at, part);
    file->at += part;
    *ret_size = part;
    return ENGINE_OK;
}

static enum engine_code
fail_read(void *ctx, void *data, size_t size, size_t *ret_size,
          struct error *reterr)
{
    (void)ctx;
    (void)data;
    (void)size;
    (void)ret_size;
    return error_set(reterr, ENGINE_EINTERNAL, "disk error");
}

static void
setup(void)
{
    slab_init_f32(&slab, CLOUD_DIM);
    ck_assert_int_eq(slab_reserve(&slab, 2 * COUNT, NULL), ENGINE_OK);
    cloud_fill(&slab, 0, 2 * COUNT);
    ck_assert_int_eq(hnsw_create(&params,
                                 &(struct hnsw_rows){ .vectors = &slab }, &hnsw,
                                 NULL),
                     ENGINE_OK);
    for (uint32_t slot = 0; slot < COUNT; slot++)
        if (slot % 7 != 3)
            ck_assert_int_eq(hnsw_insert(hnsw, slot, NULL), ENGINE_OK);
}

static void
teardown(void)
{
    hnsw_free(hnsw);
    slab_release(&slab);
}

static void
save(struct file *file, uint64_t sequence)
{
    struct hnsw_writer writer = { file_write, file };
    ck_assert_int_eq(hnsw_checkpoint_write(hnsw, sequence, &writer, NULL),
                     ENGINE_OK);
}

static enum engine_code
load(struct file *file, struct hnsw **ret_hnsw, uint64_t *ret_sequence)
{
    struct hnsw_reader reader = { file_read, file };
    file->at = 0;
    return hnsw_checkpoint_read(&params,
                                &(struct hnsw_rows){ .vectors = &slab },
                                &reader, ret_hnsw, ret_sequence, NULL);
}

static void
check_same_answers(const struct hnsw *a, const struct hnsw *b)
{
    for (uint32_t i = 0; i < 50; i++) {
        float query[CLOUD_DIM];
        struct hit hits[2][K];
        struct hnsw_found found[2];
        struct hnsw_search search = { .k = K, .ef = 40 };
        cloud_row(1000000 + i, query);
        ck_assert_int_eq(
            hnsw_search(a, query, &search, hits[0], &found[0], NULL),
            ENGINE_OK);
        ck_assert_int_eq(
            hnsw_search(b, query, &search, hits[1], &found[1], NULL),
            ENGINE_OK);
        ck_assert_uint_eq(found[0].visit_count, found[1].visit_count);
        ck_assert_uint_eq(found[0].count, found[1].count);
        ck_assert_mem_eq(hits[0], hits[1], found[0].count * sizeof(hits[0][0]));
    }
}

START_TEST(checkpoint_brings_back_the_same_graph)
{
    struct file file = { .size = 0 };
    struct hnsw *again = NULL;
    uint64_t sequence = 0;
    save(&file, UINT64_C(0x123456789abcdef));
    ck_assert_int_eq(load(&file, &again, &sequence), ENGINE_OK);
    ck_assert(sequence == UINT64_C(0x123456789abcdef));
    ck_assert_uint_eq(hnsw_linked_count(again), hnsw_linked_count(hnsw));
    for (uint32_t slot = 0; slot < 2 * COUNT; slot++)
        ck_assert_int_eq(hnsw_is_linked(again, slot),
                         hnsw_is_linked(hnsw, slot));
    check_same_answers(hnsw, again);
    for (uint32_t slot = 0; slot < 2 * COUNT; slot++) {
        ck_assert_int_eq(hnsw_insert(hnsw, slot, NULL), ENGINE_OK);
        ck_assert_int_eq(hnsw_insert(again, slot, NULL), ENGINE_OK);
    }
    ck_assert_uint_eq(hnsw_linked_count(again), 2 * COUNT);
    check_same_answers(hnsw, again);
    hnsw_free(again);
    free(file.data);
}
END_TEST

START_TEST(checkpoint_of_an_empty_graph_is_empty)
{
    struct file file = { .size = 0 };
    struct hnsw *again = NULL;
    uint64_t sequence;
    hnsw_free(hnsw);
    ck_assert_int_eq(hnsw_create(&params,
                                 &(struct hnsw_rows){ .vectors = &slab }, &hnsw,
                                 NULL),
                     ENGINE_OK);
    save(&file, 1);
    ck_assert_int_eq(load(&file, &again, &sequence), ENGINE_OK);
    ck_assert_uint_eq(hnsw_linked_count(again), 0);
    ck_assert_int_eq(hnsw_insert(again, 5, NULL), ENGINE_OK);
    hnsw_free(again);
    free(file.data);
}
END_TEST

START_TEST(checkpoint_cut_short_is_refused)
{
    struct file file = { .size = 0 };
    struct hnsw *again = NULL;
    uint64_t sequence = 99;
    save(&file, 1);
    size_t size = file.size;
    for (size_t cut = 0; cut < size; cut += cut < 256 ? 1 : 97) {
        file.size = cut;
        ck_assert_int_eq(load(&file, &again, &sequence), ENGINE_ECORRUPT);
    }
    file.size = size;
    ck_assert_int_eq(file_write(&file, "x", 1, NULL), ENGINE_OK);
    ck_assert_int_eq(load(&file, &again, &sequence), ENGINE_ECORRUPT);
    ck_assert_ptr_null(again);
    ck_assert(sequence == 99);
    free(file.data);
}
END_TEST

START_TEST(checkpoint_with_a_flipped_bit_is_refused)
{
    struct file file = { .size = 0 };
    struct hnsw *again = NULL;
    uint64_t sequence = 99;
    save(&file, 1);
    for (size_t at = 0; at < file.size; at += at < 1024 ? 1 : 41)
        for (int bit = 0; bit < 8; bit++) {
            file.data[at] = (char)(file.data[at] ^ (1 << bit));
            enum engine_code code = load(&file, &again, &sequence);
            ck_assert(code == ENGINE_ECORRUPT || code == ENGINE_EVERSION);
            file.data[at] = (char)(file.data[at] ^ (1 << bit));
        }
    ck_assert_ptr_null(again);
    ck_assert_int_eq(load(&file, &again, &sequence), ENGINE_OK);
    hnsw_free(again);
    free(file.data);
}
END_TEST

START_TEST(checkpoint_for_something_else_is_refused)
{
    struct file file = { .size = 0 };
    struct hnsw_reader reader = { file_read, &file };
    struct hnsw *again = NULL;
    struct error error = { .code = ENGINE_OK };
    uint64_t sequence;
    save(&file, 1);
    struct hnsw_params others[3] = { params, params, params };
    others[0].m = 7;
    others[1].dim = CLOUD_DIM - 1;
    others[2].metric = METRIC_DOT;
    for (size_t i = 0; i < 3; i++) {
        file.at = 0;
        ck_assert_int_eq(
            hnsw_checkpoint_read(&others[i],
                                 &(struct hnsw_rows){ .vectors = &slab },
                                 &reader, &again, &sequence, &error),
            ENGINE_ECORRUPT);
    }
    struct slab small;
    slab_init_f32(&small, CLOUD_DIM);
    ck_assert_int_eq(slab_reserve(&small, 10, NULL), ENGINE_OK);
    file.at = 0;
    ck_assert_int_eq(
        hnsw_checkpoint_read(&params, &(struct hnsw_rows){ .vectors = &small },
                             &reader, &again, &sequence, &error),
        ENGINE_ECORRUPT);
    slab_release(&small);
    uint32_t version = 3;
    memcpy(file.data + 8, &version, sizeof(version));
    file.at = 0;
    ck_assert_int_eq(
        hnsw_checkpoint_read(&params, &(struct hnsw_rows){ .vectors = &slab },
                             &reader, &again, &sequence, &error),
        ENGINE_EVERSION);
    ck_assert_ptr_nonnull(strstr(error.text, "version 3"));
    ck_assert_ptr_null(again);
    free(file.data);
}
END_TEST

START_TEST(checkpoint_passes_failures_on)
{
    struct file file = { .size = 0 };
    struct hnsw_writer writer = { file_write, &file };
    struct hnsw_reader reader = { fail_read, NULL };
    struct hnsw *again = NULL;
    struct error error = { .code = ENGINE_OK };
    uint64_t sequence;
    save(&file, 1);
    size_t size = file.size;
    for (size_t limit = 1; limit < size; limit += 509) {
        file.size = 0;
        file.fail_at = limit;
        ck_assert_int_eq(hnsw_checkpoint_write(hnsw, 1, &writer, &error),
                         ENGINE_ENOSPACE);
    }
    ck_assert_int_eq(
        hnsw_checkpoint_read(&params, &(struct hnsw_rows){ .vectors = &slab },
                             &reader, &again, &sequence, &error),
        ENGINE_EINTERNAL);
    free(file.data);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("index/hnsw_checkpoint");
    TCase *tcase = tcase_create("hnsw_checkpoint");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, checkpoint_brings_back_the_same_graph);
    tcase_add_test(tcase, checkpoint_of_an_empty_graph_is_empty);
    tcase_add_test(tcase, checkpoint_cut_short_is_refused);
    tcase_add_test(tcase, checkpoint_with_a_flipped_bit_is_refused);
    tcase_add_test(tcase, checkpoint_for_something_else_is_refused);
    tcase_add_test(tcase, checkpoint_passes_failures_on);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
