/* SPDX-License-Identifier: Apache-2.0
 * Covers: every half to float and back; rounding of floats to halves and to
 * bytes at each border, against the definition; all variants alike. */
#include "tests/unit/engine/kernel/variants.h"

static float
float_of_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

START_TEST(convert_brings_every_half_there_and_back)
{
    const struct kernel *kernel = kernel_find(variant_names[_i]);
    if (kernel == NULL)
        return;
    static uint16_t halves[65536], back[65536];
    static float floats[65536];
    for (uint32_t i = 0; i < 65536; i++)
        halves[i] = (uint16_t)i;
    kernel->convert->f16_to_f32(halves, 65536, floats);
    kernel->convert->f32_to_f16(floats, 65536, back);
    for (uint32_t i = 0; i < 65536; i++) {
        double value = half_value(halves[i]);
        if (isnan(value)) {
            ck_assert(isnan(floats[i]));
            ck_assert_uint_eq(back[i], halves[i] | 0x200u); /* quiet */
            continue;
        }
        float expected = (float)value;
        ck_assert_mem_eq(&floats[i], &expected, sizeof(expected));
        ck_assert_uint_eq(back[i], halves[i]);
    }
}
END_TEST

/* Between two halves that follow each other: the nearer one; in the middle the
 * even one. The floats just beside the middle decide, too. */
START_TEST(convert_rounds_floats_to_the_nearest_half)
{
    const struct kernel *kernel = kernel_find(variant_names[_i]);
    if (kernel == NULL)
        return;
    for (uint32_t i = 0; i < 0x7c00; i++) { /* 65536 follows 65504 */
        float low = (float)half_value((uint16_t)i);
        float high =
            i == 0x7bff ? 65536.0f : (float)half_value((uint16_t)(i + 1));
        float middle = low + (high - low) / 2.0f;
        uint16_t even = (uint16_t)(i % 2 == 0 ? i : i + 1);
        float from[16] = { low,     nextafterf(middle, low),
                           middle,  nextafterf(middle, high),
                           -middle, -nextafterf(middle, high) };
        uint16_t got[16];
        kernel->convert->f32_to_f16(from, 16, got); /* in whole steps */
        ck_assert_uint_eq(got[0], i);
        ck_assert_uint_eq(got[1], i);
        ck_assert_uint_eq(got[2], even);
        ck_assert_uint_eq(got[3], i + 1);
        ck_assert_uint_eq(got[4], even | 0x8000u);
        ck_assert_uint_eq(got[5], (i + 1) | 0x8000u);
        kernel->convert->f32_to_f16(from + 2, 1, got); /* as the rest */
        ck_assert_uint_eq(got[0], even);
    }
}
END_TEST

START_TEST(convert_truncates_and_clamps_to_bytes)
{
    const struct kernel *kernel = kernel_find(variant_names[_i]);
    if (kernel == NULL)
        return;
    static const struct {
        float from;
        uint8_t to;
    } cases[] = {
        { 0.0f, 0 },          { -0.0f, 0 },      { 0.99f, 0 },
        { 1.0f, 1 },          { 127.999f, 127 }, { 254.9999f, 254 },
        { 255.0f, 255 },      { 255.5f, 255 },   { 256.0f, 255 },
        { 1e30f, 255 },       { -0.5f, 0 },      { -1.0f, 0 },
        { -300.0f, 0 },       { INFINITY, 255 }, { -INFINITY, 0 },
        { NAN, 0 },           { -NAN, 0 },       { 4294967296.0f, 255 },
        { FLT_MAX, 255 },     { -FLT_MAX, 0 },   { FLT_TRUE_MIN, 0 },
        { 2147483648.f, 255 }
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        float from[16];
        uint8_t got[16];
        for (size_t j = 0; j < 16; j++)
            from[j] = cases[i].from;
        kernel->convert->f32_to_u8(from, 16, got);
        for (size_t j = 0; j < 16; j++)
            ck_assert_uint_eq(got[j], cases[i].to);
        kernel->convert->f32_to_u8(from, 1, got);
        ck_assert_uint_eq(got[0], cases[i].to);
    }
}
END_TEST

START_TEST(convert_agrees_with_plain_over_any_bits)
{
    const struct kernel *kernel = kernel_find(variant_names[_i]);
    const struct kernel_convert *plain = kernel_find("plain")->convert;
    if (kernel == NULL)
        return;
    for (size_t turn = 0; turn < 20000; turn++) {
        float from[77], floats[2][77];
        uint16_t halves[2][77];
        uint8_t bytes[2][77];
        size_t count = turn % 78;
        for (size_t i = 0; i < count; i++) {
            uint32_t bits = (uint32_t)random_bits();
            if (turn % 2 == 0) /* exponents around those of halves */
                bits = (bits & 0x87ffffffu) + 0x34000000u;
            from[i] = float_of_bits(bits);
        }
        plain->f32_to_f16(from, count, halves[0]);
        kernel->convert->f32_to_f16(from, count, halves[1]);
        ck_assert_mem_eq(halves[0], halves[1], count * 2);
        plain->f16_to_f32(halves[0], count, floats[0]);
        kernel->convert->f16_to_f32(halves[0], count, floats[1]);
        ck_assert_mem_eq(floats[0], floats[1], count * 4);
        plain->f32_to_u8(from, count, bytes[0]);
        kernel->convert->f32_to_u8(from, count, bytes[1]);
        ck_assert_mem_eq(bytes[0], bytes[1], count);
        kernel->convert->u8_to_f32(bytes[0], count, floats[1]);
        for (size_t i = 0; i < count; i++)
            ck_assert_int_eq((int)floats[1][i], bytes[0][i]);
    }
}
END_TEST

START_TEST(convert_stays_within_its_rows)
{
    const struct kernel *kernel = kernel_find(variant_names[_i]);
    if (kernel == NULL)
        return;
    for (size_t count = 1; count <= 40; count++) {
        float *floats = calloc(count, sizeof(*floats)); /* ASan watches */
        uint16_t *halves = calloc(count, sizeof(*halves));
        uint8_t *bytes = calloc(count, 1);
        ck_assert(floats != NULL && halves != NULL && bytes != NULL);
        kernel->convert->f32_to_f16(floats, count, halves);
        kernel->convert->f16_to_f32(halves, count, floats);
        kernel->convert->f32_to_u8(floats, count, bytes);
        kernel->convert->u8_to_f32(bytes, count, floats);
        free(floats);
        free(halves);
        free(bytes);
    }
}
END_TEST

int
main(void)
{
    TCase *tcase = tcase_create("convert");
    tcase_add_loop_test(tcase, convert_brings_every_half_there_and_back, 0,
                        VARIANT_COUNT);
    tcase_add_loop_test(tcase, convert_rounds_floats_to_the_nearest_half, 0,
                        VARIANT_COUNT);
    tcase_add_loop_test(tcase, convert_truncates_and_clamps_to_bytes, 0,
                        VARIANT_COUNT);
    tcase_add_loop_test(tcase, convert_agrees_with_plain_over_any_bits, 0,
                        VARIANT_COUNT);
    tcase_add_loop_test(tcase, convert_stays_within_its_rows, 0, VARIANT_COUNT);
    return run_tcase("kernel/convert", tcase);
}
