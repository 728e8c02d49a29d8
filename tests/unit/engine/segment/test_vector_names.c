/* SPDX-License-Identifier: Apache-2.0
 * Covers: a name that is added has no points and is of use at once; one that is
 * deleted is in no later read, stays for readers of before, and gives its
 * number back when they have left; a failure to keep the names changes nothing;
 * at the opening the names that are asked for have their rows, others are gone;
 * segments without records of names. */
#include "engine/segment/vector_names.h"

#include "engine/collection/body.h"
#include "engine/segment/body.h"
#include "engine/segment/change.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/fixture/folder.h"
#include "tests/fixture/suite.h"

#define SLOTS 300u

static char folder[64];
static char path[96];
static struct segment *segment;
static struct error error;

/* What it was opened with, and is to be opened with again. */
static struct segment_vector_options names[8];
static size_t names_count;

static struct segment_vector_options
dense(const char *name, uint32_t dim)
{
    return (struct segment_vector_options){ .name = span_of(name),
                                            .dim = dim,
                                            .metric = METRIC_DOT,
                                            .m = 8,
                                            .ef_construct = 16,
                                            .full_scan_kib = 10,
                                            .indexing_kib = 1 };
}

static void
open_segment(bool is_existing)
{
    struct segment_options options = { .path = path,
                                       .is_existing = is_existing,
                                       .vectors = names,
                                       .vectors_count = names_count };
    enum engine_code code = segment_open(&options, &segment, &error);
    ck_assert_msg(code == ENGINE_OK, "%s", error.text);
}

static void
reopen(void)
{
    segment_close(segment);
    open_segment(true);
}

static enum engine_code
keep_well(void *ctx, struct error *reterr)
{
    (void)ctx;
    (void)reterr;
    return ENGINE_OK;
}

static enum engine_code
keep_badly(void *ctx, struct error *reterr)
{
    (void)ctx;
    return error_set(reterr, ENGINE_ENOSPACE, "the disk is full");
}

static const struct segment_keep well = { keep_well, NULL };
static const struct segment_keep badly = { keep_badly, NULL };

static void
create(const char *name, uint32_t dim)
{
    uint64_t sequence = 0;
    bool must_wait = true;
    struct segment_vector_options options = dense(name, dim);
    while (must_wait) {
        ck_assert_int_eq(segment_vector_create(segment, &options, &well,
                                               &sequence, &must_wait, &error),
                         ENGINE_OK);
        if (must_wait)
            segment_names_wait();
    }
    ck_assert_uint_gt(sequence, 0);
    names[names_count++] = options;
}

static void
delete_name(const char *name)
{
    uint64_t sequence = 0;
    ck_assert_int_eq(
        segment_vector_delete(segment, span_of(name), &well, &sequence, &error),
        ENGINE_OK);
    for (size_t i = 0; i < names_count; i++)
        if (span_equal_text(names[i].name, name))
            names[i] = names[--names_count];
}

/* Points 0.. have {value, 0, ...} as the vector `name`. */
static void
fill(const char *name, uint32_t dim, float value)
{
    struct change *change = NULL;
    struct change_commit commit;
    float row[16] = { value };
    ck_assert_int_eq(change_begin(segment, &change, &error), ENGINE_OK);
    size_t number = change_vector_number(change, span_of(name));
    ck_assert_uint_ne(number, SIZE_MAX);
    for (uint32_t i = 0; i < SLOTS; i++) {
        struct point_id id = { .number = i };
        struct staged_point *point = NULL;
        struct vector_value one = { VECTOR_DENSE, row, dim, NULL, 1 };
        ck_assert_int_eq(change_stage(change, &id, &point, &error), ENGINE_OK);
        ck_assert_int_eq(change_set_vector(change, point, number, &one, &error),
                         ENGINE_OK);
    }
    ck_assert_int_eq(change_commit(change, &commit, &error), ENGINE_OK);
    change_end(change);
}

/* Of point 5; 0: it has none. */
static float
first_of(const struct segment_reader *reader, size_t number)
{
    struct arena arena;
    struct point_id id = { .number = 5 };
    uint32_t slot = segment_find(reader, &id);
    const void *row = NULL;
    arena_init(&arena, 1 << 20);
    ck_assert_int_eq(
        segment_vectors(reader, number, &slot, 1, &arena, &row, &error),
        ENGINE_OK);
    float first = row == NULL ? 0.0f : *(const float *)row;
    arena_release(&arena);
    return first;
}

/* SIZE_MAX: there is no such name. */
static size_t
count_of(const char *name, float *ret_first)
{
    struct segment_reader reader;
    segment_read_begin(segment, &reader);
    size_t number = segment_vector_number(&reader, span_of(name));
    size_t count = SIZE_MAX;
    if (number != SIZE_MAX) {
        count = reader.view->vectors[number].has->count;
        *ret_first = count == 0 ? 0.0f : first_of(&reader, number);
    }
    segment_read_end(&reader);
    return count;
}

static void
expect(const char *name, size_t count, float first)
{
    float got = 0;
    ck_assert_uint_eq(count_of(name, &got), count);
    if (count != SIZE_MAX && count > 0)
        ck_assert(got == first);
}

static void
work(void)
{
    enum segment_rest rest = SEGMENT_REST_MORE;
    while (rest != SEGMENT_REST_NONE)
        ck_assert_int_eq(segment_link(segment, 64, &rest, &error), ENGINE_OK);
}

static size_t
rows_of(size_t number)
{
    size_t count = 0;
    for (uint32_t slot = 0; slot < 4 * SLOTS; slot++) {
        struct segment_key key = segment_key_vector(number, slot);
        struct bytes value;
        bool is_found = false;
        bytes_init(&value, 1 << 16);
        ck_assert_int_eq(store_get(segment->store, STORE_VECTORS,
                                   segment_key_span(&key), &value, &is_found,
                                   &error),
                         ENGINE_OK);
        count += is_found;
        bytes_release(&value);
    }
    return count;
}

static bool
has_file(const char *name)
{
    char file[160];
    snprintf(file, sizeof(file), "%s/%s", path, name);
    return access(file, F_OK) == 0;
}

static void
make_file(const char *name)
{
    char file[160];
    snprintf(file, sizeof(file), "%s/%s", path, name);
    FILE *made = fopen(file, "we");
    ck_assert_ptr_nonnull(made);
    fclose(made);
}

static void
setup(void)
{
    ck_assert(folder_make("/tmp", "names", folder, sizeof(folder)));
    snprintf(path, sizeof(path), "%s/shard", folder);
    names[0] = dense("", 4);
    names_count = 1;
    open_segment(false);
    fill("", 4, 1.0f);
}

static void
teardown(void)
{
    segment_close(segment);
    folder_remove(folder);
}

/* Existing points lack it; it fills, is linked, and survives. */
START_TEST(a_name_is_added)
{
    create("more", 8);
    expect("more", 0, 0);
    fill("more", 8, 2.0f);
    expect("more", SLOTS, 2.0f);
    work();
    expect("", SLOTS, 1.0f);
    ck_assert_ptr_nonnull(segment->vectors[1]->graph);
    ck_assert_int_eq(segment_checkpoint(segment, &error), ENGINE_OK);
    reopen();
    expect("more", SLOTS, 2.0f);
    expect("", SLOTS, 1.0f);
}
END_TEST

/* Rows, graph and number go when the last reader has left, not before. */
START_TEST(a_name_is_deleted)
{
    create("more", 8);
    fill("more", 8, 2.0f);
    work();
    ck_assert_int_eq(segment_checkpoint(segment, &error), ENGINE_OK);
    struct segment_reader reader;
    segment_read_begin(segment, &reader);
    size_t number = segment_vector_number(&reader, span_of("more"));
    ck_assert_uint_eq(number, 1);
    delete_name("more");
    expect("more", SIZE_MAX, 0);
    enum segment_rest rest;
    ck_assert_int_eq(segment_link(segment, 64, &rest, &error), ENGINE_OK);
    ck_assert_int_ne(rest, SEGMENT_REST_NONE);
    ck_assert(first_of(&reader, number) == 2.0f);
    fill("", 4, 3.0f);
    ck_assert(segment->is_number_taken[1]);
    segment_read_end(&reader);
    work();
    ck_assert(!segment->is_number_taken[1]);
    ck_assert_uint_eq(rows_of(1), 0);
    char file[128];
    snprintf(file, sizeof(file), "%s/graph-1", path);
    ck_assert_int_ne(access(file, F_OK), 0);
    while (segment_compact_disk(segment))
        ;
    create("again", 2);
    expect("again", 0, 0);
    fill("again", 2, 4.0f);
    reopen();
    expect("again", SLOTS, 4.0f);
    expect("", SLOTS, 3.0f);
}
END_TEST

static void
change_one(uint64_t number, size_t vector, const float *row, uint32_t dim)
{
    struct change *change = NULL;
    struct change_commit commit;
    struct staged_point *point = NULL;
    struct point_id id = { .number = number };
    struct vector_value value = { VECTOR_DENSE, row, dim, NULL, 1 };
    ck_assert_int_eq(change_begin(segment, &change, &error), ENGINE_OK);
    ck_assert_int_eq(change_stage(change, &id, &point, &error), ENGINE_OK);
    if (row == NULL)
        change_remove(point);
    else
        ck_assert_int_eq(
            change_set_vector(change, point, vector, &value, &error),
            ENGINE_OK);
    ck_assert_int_eq(change_commit(change, &commit, &error), ENGINE_OK);
    change_end(change);
}

/* The reader began while a dead point had it; whose the slot is now never
 * did. Freed before the name goes, or after it. */
START_TEST(a_slot_is_used_again_while_a_name_leaves)
{
    const float row[8] = { 2.0f };
    names[0].indexing_kib = 0; /* no graph holds a slot */
    reopen();
    create("more", 8);
    change_one(5, 1, row, 8);
    change_one(5, 0, NULL, 0);
    uint32_t slots_count = segment->slots_count;
    if (_i == 0)
        segment_tidy(segment);
    struct segment_reader reader;
    segment_read_begin(segment, &reader);
    delete_name("more");
    segment_tidy(segment);
    for (uint64_t id = 1000; id < 1002; id++)
        change_one(id, 0, row, 4);
    ck_assert_uint_eq(segment->slots_count, slots_count);
    for (uint64_t id = 1000; id < 1002; id++) {
        struct point_id other = { .number = id };
        ck_assert(
            !segment_has_vector(&reader, 1, segment_find(&reader, &other)));
        ck_assert(
            segment_has_vector(&reader, 0, segment_find(&reader, &other)));
    }
    segment_read_end(&reader);
}
END_TEST

/* Background work that has the vector keeps it. */
START_TEST(a_name_is_deleted_while_it_is_held)
{
    create("more", 8);
    fill("more", 8, 2.0f);
    struct vectors *held = segment_hold(segment, 1);
    ck_assert_ptr_nonnull(held);
    delete_name("more");
    ck_assert_ptr_null(segment_hold(segment, 1));
    enum segment_rest rest;
    ck_assert_int_eq(segment_link(segment, 64, &rest, &error), ENGINE_OK);
    ck_assert_uint_eq(held->count, SLOTS);
    segment_let(segment, held);
    work();
    ck_assert(!segment->is_number_taken[1]);
}
END_TEST

/* Whoever adds it waits without the locks that he holds. */
START_TEST(a_name_that_is_still_read_is_not_waited_for)
{
    uint64_t sequence = 0;
    bool must_wait = false;
    struct segment_reader reader;
    struct segment_vector_options more = dense("more", 8);
    create("more", 8);
    fill("more", 8, 2.0f);
    segment_read_begin(segment, &reader);
    delete_name("more");
    ck_assert_int_eq(segment_vector_create(segment, &more, &well, &sequence,
                                           &must_wait, &error),
                     ENGINE_OK);
    ck_assert(must_wait);
    create("other", 4); /* another one need not wait */
    segment_read_end(&reader);
    create("more", 8);
    expect("other", 0, 0);
    expect("more", 0, 0);
}
END_TEST

/* Of several numbers that are gone each is gone through from its start. */
START_TEST(disk_of_a_lower_number_comes_back_whole)
{
    segment->gone_number = 5;
    segment->gone_slot = 1u << 16;
    atomic_store(&segment->is_number_gone[1], true);
    atomic_store(&segment->is_number_gone[5], true);
    ck_assert(segment_compact_disk(segment));
    ck_assert_uint_eq(segment->gone_number, 1);
    ck_assert_uint_eq(segment->gone_slot, 0);
    ck_assert(!atomic_load(&segment->is_number_gone[1]));
    ck_assert(atomic_load(&segment->is_number_gone[5]));
    ck_assert(segment_compact_disk(segment));
    ck_assert_uint_eq(segment->gone_number, 5);
    ck_assert(!atomic_load(&segment->is_number_gone[5]));
}
END_TEST

START_TEST(what_cannot_be_kept_is_not_done)
{
    uint64_t sequence = 0;
    bool must_wait = true;
    struct segment_vector_options more = dense("more", 8);
    ck_assert_int_eq(segment_vector_create(segment, &more, &badly, &sequence,
                                           &must_wait, &error),
                     ENGINE_ENOSPACE);
    ck_assert(!must_wait);
    expect("more", SIZE_MAX, 0);
    ck_assert_int_eq(
        segment_vector_delete(segment, span_of(""), &badly, &sequence, &error),
        ENGINE_ENOSPACE);
    expect("", SLOTS, 1.0f);
    create("more", 8);
    fill("more", 8, 2.0f);
    reopen();
    expect("", SLOTS, 1.0f);
    expect("more", SLOTS, 2.0f);
}
END_TEST

/* As after a kill between the two steps of a create or a delete. */
START_TEST(names_that_are_not_asked_for_are_gone)
{
    create("one", 8);
    create("two", 4);
    fill("one", 8, 2.0f);
    fill("two", 4, 3.0f);
    work();
    ck_assert_int_eq(segment_checkpoint(segment, &error), ENGINE_OK);
    ck_assert(has_file("graph-1") && has_file("graph-2"));
    make_file("graph-77");
    make_file("graph-3.tmp");
    make_file("graph-x");
    names_count--; /* two */
    reopen();
    expect("two", SIZE_MAX, 0);
    expect("one", SLOTS, 2.0f);
    ck_assert_uint_eq(rows_of(2), 0);
    ck_assert(has_file("graph-1") && has_file("graph-x"));
    ck_assert(!has_file("graph-2") && !has_file("graph-77") &&
              !has_file("graph-3.tmp"));
    create("two", 4);
    expect("two", 0, 0);
    /* Their order does not matter. */
    struct segment_vector_options first = names[0];
    names[0] = names[1];
    names[1] = first;
    fill("two", 4, 5.0f);
    reopen();
    expect("", SLOTS, 1.0f);
    expect("one", SLOTS, 2.0f);
    expect("two", SLOTS, 5.0f);
}
END_TEST

/* Of before there were records: numbers are in the order of the options. */
START_TEST(a_segment_without_records_of_names)
{
    create("one", 8);
    fill("one", 8, 2.0f);
    struct store_batch *batch = store_batch_create(segment->store);
    store_batch_delete(batch, STORE_META, span_of(SEGMENT_META_NAME));
    store_batch_delete(batch, STORE_META, span_of(SEGMENT_META_NAME "one"));
    ck_assert_int_eq(store_commit(batch, STORE_SYNC_NOW, &error), ENGINE_OK);
    store_batch_free(batch);
    reopen();
    expect("", SLOTS, 1.0f);
    expect("one", SLOTS, 2.0f);
    delete_name("");
    work();
    reopen();
    expect("one", SLOTS, 2.0f);
}
END_TEST

START_TEST(a_damaged_record_is_corruption)
{
    struct store_batch *batch = store_batch_create(segment->store);
    static const char *const values[] = { "", "\1", "\0\2", "\0\0" };
    static const size_t sizes[] = { 0, 1, 2, 2 };
    store_batch_put(batch, STORE_META, span_of(SEGMENT_META_NAME "x"),
                    (struct span){ values[_i], sizes[_i] });
    ck_assert_int_eq(store_commit(batch, STORE_SYNC_NOW, &error), ENGINE_OK);
    store_batch_free(batch);
    segment_close(segment);
    struct segment_options options = { .path = path,
                                       .is_existing = true,
                                       .vectors = names,
                                       .vectors_count = names_count };
    ck_assert_int_eq(segment_open(&options, &segment, &error), ENGINE_ECORRUPT);
    segment = NULL;
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("segment/vector_names");
    TCase *tests = tcase_create("names");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_name_is_added);
    tcase_add_test(tests, a_name_is_deleted);
    tcase_add_test(tests, a_name_is_deleted_while_it_is_held);
    tcase_add_loop_test(tests, a_slot_is_used_again_while_a_name_leaves, 0, 2);
    tcase_add_test(tests, a_name_that_is_still_read_is_not_waited_for);
    tcase_add_test(tests, disk_of_a_lower_number_comes_back_whole);
    tcase_add_test(tests, what_cannot_be_kept_is_not_done);
    tcase_add_test(tests, names_that_are_not_asked_for_are_gone);
    tcase_add_test(tests, a_segment_without_records_of_names);
    tcase_add_loop_test(tests, a_damaged_record_is_corruption, 0, 4);
    tcase_set_timeout(tests, 60);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
