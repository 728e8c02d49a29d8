/* SPDX-License-Identifier: Apache-2.0
 * Covers: alignment, the cap, sticky failure, reuse after release. */
#include "base/arena.h"

#include <check.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

START_TEST(arena_hands_out_aligned_memory)
{
    struct arena arena;
    arena_init(&arena, 1 << 20);
    for (size_t size = 0; size < 5000; size += 37) {
        unsigned char *memory = arena_alloc(&arena, size);
        ck_assert_ptr_nonnull(memory);
        ck_assert_uint_eq((uintptr_t)memory % ARENA_ALIGN_SIZE, 0);
        memset(memory, 0xa5, size);
    }
    ck_assert(!arena_failed(&arena));
    ck_assert_uint_le(arena.used_size, arena.cap_size);
    arena_release(&arena);
}
END_TEST

START_TEST(arena_refuses_past_its_cap_and_stays_failed)
{
    struct arena arena;
    arena_init(&arena, 1024);
    ck_assert_ptr_nonnull(arena_alloc(&arena, 1024));
    ck_assert(!arena_over_cap(&arena));
    ck_assert_ptr_null(arena_alloc(&arena, 1));
    ck_assert(arena_failed(&arena));
    ck_assert(arena_over_cap(&arena));
    arena_release(&arena);
    ck_assert(!arena_over_cap(&arena));
    ck_assert_ptr_nonnull(arena_alloc(&arena, 16));
    volatile size_t all = SIZE_MAX;
    ck_assert_ptr_null(arena_alloc(&arena, all));
    ck_assert_ptr_null(arena_alloc(&arena, 1));
    arena_release(&arena);
}
END_TEST

START_TEST(arena_checks_products_and_zeroes)
{
    struct arena arena;
    arena_init(&arena, 4096);
    uint64_t *numbers = arena_calloc(&arena, 8, sizeof(*numbers));
    ck_assert_ptr_nonnull(numbers);
    for (size_t i = 0; i < 8; i++)
        ck_assert_uint_eq(numbers[i], 0);
    volatile size_t huge = SIZE_MAX / 2;
    ck_assert_ptr_null(arena_calloc(&arena, huge, 4));
    ck_assert(arena_failed(&arena));
    arena_release(&arena);
}
END_TEST

START_TEST(arena_copies_text)
{
    struct arena arena;
    arena_init(&arena, 4096);
    ck_assert_str_eq(arena_strndup(&arena, "azimuth", 4), "azim");
    ck_assert_str_eq(arena_strndup(&arena, NULL, 0), "");
    ck_assert(span_equal_text(arena_span(&arena, span_of("edge")), "edge"));
    ck_assert_ptr_null(arena_span(&arena, (struct span){ "", 5000 }).data);
    arena_release(&arena);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("arena");
    TCase *tcase = tcase_create("arena");
    tcase_add_test(tcase, arena_hands_out_aligned_memory);
    tcase_add_test(tcase, arena_refuses_past_its_cap_and_stays_failed);
    tcase_add_test(tcase, arena_checks_products_and_zeroes);
    tcase_add_test(tcase, arena_copies_text);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
