/* SPDX-License-Identifier: Apache-2.0
 * Covers: every wire type there and back, lengths around one byte, what is
 * malformed. */
#include "engine/codec/protobuf.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

START_TEST(protobuf_reads_what_it_wrote)
{
    const float floats[] = { 1.5f, -0.0f, INFINITY };
    struct bytes out;
    struct protobuf_reader reader;
    struct protobuf_field field;
    uint64_t value;
    bytes_init(&out, 1 << 16);
    protobuf_put_u64(&out, 1, UINT64_MAX);
    protobuf_put_double(&out, 2, -2.25);
    protobuf_put_float(&out, 16, 0.1f);
    protobuf_put_text(&out, 1000, "text");
    protobuf_put_floats(&out, 3, floats, 3);
    protobuf_reader_init(&reader, bytes_span(&out));
    ck_assert(protobuf_next(&reader, &field));
    ck_assert_uint_eq(field.number, 1);
    ck_assert_uint_eq(field.value, UINT64_MAX);
    ck_assert(protobuf_next(&reader, &field));
    ck_assert(protobuf_double(field.value) == -2.25);
    ck_assert(protobuf_next(&reader, &field));
    ck_assert_uint_eq(field.number, 16);
    ck_assert(protobuf_float(field.value) == 0.1f);
    ck_assert(protobuf_next(&reader, &field));
    ck_assert_uint_eq(field.number, 1000);
    ck_assert(span_equal_text(field.bytes, "text"));
    ck_assert(protobuf_next(&reader, &field));
    ck_assert(!protobuf_next(&reader, &field) && !reader.is_bad);
    protobuf_reader_init(&reader, field.bytes);
    for (int i = 0; i < 3; i++) {
        ck_assert(protobuf_next_packed(&reader, PROTOBUF_I32, &value));
        ck_assert(protobuf_float(value) == floats[i]);
    }
    ck_assert(!protobuf_next_packed(&reader, PROTOBUF_I32, &value));
    bytes_release(&out);
}
END_TEST

/* The length of a nested message is put in when it is known: around 128 and
 * 16384 bytes it takes another byte. */
static const size_t sizes[] = { 0, 1, 127, 128, 129, 16383, 16384, 70000 };

START_TEST(protobuf_nests_messages_of_any_size)
{
    struct bytes out;
    struct protobuf_reader reader;
    struct protobuf_field outer, inner;
    char *text = calloc(1, sizes[_i] + 1);
    memset(text, 'x', sizes[_i]);
    bytes_init(&out, 1 << 20);
    size_t first = protobuf_begin(&out, 7);
    size_t second = protobuf_begin(&out, 8);
    bytes_add(&out, text, sizes[_i]);
    protobuf_end(&out, second);
    protobuf_end(&out, first);
    protobuf_put_u64(&out, 9, 1);
    protobuf_reader_init(&reader, bytes_span(&out));
    ck_assert(protobuf_next(&reader, &outer));
    ck_assert(protobuf_next(&reader, &inner));
    ck_assert_uint_eq(inner.number, 9);
    protobuf_reader_init(&reader, outer.bytes);
    ck_assert(protobuf_next(&reader, &inner));
    ck_assert(span_equal_text(inner.bytes, text));
    ck_assert(!protobuf_next(&reader, &inner) && !reader.is_bad);
    bytes_release(&out);
    free(text);
}
END_TEST

static const struct {
    const char *data;
    size_t size;
} malformed[] = {
    { "\x08", 1 },             /* a number without its value */
    { "\x08\x80", 2 },         /* a varint without end */
    { "\x0a\x02x", 3 },        /* a text that is cut */
    { "\x0d\x01\x02\x03", 4 }, /* 3 of 4 bytes */
    { "\x09", 1 },             /* 0 of 8 */
    { "\x0b", 1 },             /* a group */
    { "\x0f", 1 },             /* no wire type */
    { "\x00\x01", 2 },         /* field 0 */
    { "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11 },
};

START_TEST(protobuf_refuses_what_is_malformed)
{
    struct protobuf_reader reader;
    struct protobuf_field field;
    struct span message = { malformed[_i].data, malformed[_i].size };
    protobuf_reader_init(&reader, message);
    while (protobuf_next(&reader, &field))
        continue;
    ck_assert(reader.is_bad);
}
END_TEST

START_TEST(protobuf_stops_at_the_maximum)
{
    struct bytes out;
    bytes_init(&out, 130);
    size_t mark = protobuf_begin(&out, 1);
    for (int i = 0; i < 128; i++)
        bytes_add_char(&out, 'x');
    protobuf_end(&out, mark); /* two bytes of length do not fit */
    ck_assert(bytes_failed(&out));
    bytes_release(&out);
}
END_TEST

/* The quick way takes what the other one would, or nothing. */
START_TEST(protobuf_takes_bytes_in_their_place)
{
    static const size_t lengths[] = { 0, 1, 127, 128, 16383, 16384 };
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        struct bytes out;
        struct span bytes = { NULL, 0 };
        struct protobuf_reader reader;
        bytes_init(&out, 1 << 20);
        size_t mark = protobuf_begin(&out, 3);
        for (size_t k = 0; k < lengths[i]; k++)
            bytes_add_char(&out, 'x');
        protobuf_end(&out, mark);
        size_t size = out.size;
        protobuf_put_u64(&out, 1, 7);
        protobuf_reader_init(&reader, bytes_span(&out));
        ck_assert(!protobuf_take_bytes(&reader, 2, &bytes));
        ck_assert_uint_eq(reader.rest.size, out.size);
        bool is_taken = protobuf_take_bytes(&reader, 3, &bytes);
        ck_assert_int_eq(is_taken, lengths[i] < 16384);
        if (is_taken) {
            ck_assert_uint_eq(bytes.size, lengths[i]);
            ck_assert_uint_eq(reader.rest.size, out.size - size);
            ck_assert(!protobuf_take_bytes(&reader, 1, &bytes));
        }
        for (size_t cut = 0; cut < size && cut < 200; cut++) {
            protobuf_reader_init(&reader, (struct span){ out.data, cut });
            ck_assert(!protobuf_take_bytes(&reader, 3, &bytes));
            ck_assert_uint_eq(reader.rest.size, cut);
        }
        bytes_release(&out);
    }
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("protobuf");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, protobuf_reads_what_it_wrote);
    tcase_add_loop_test(tcase, protobuf_nests_messages_of_any_size, 0,
                        sizeof(sizes) / sizeof(sizes[0]));
    tcase_add_loop_test(tcase, protobuf_refuses_what_is_malformed, 0,
                        sizeof(malformed) / sizeof(malformed[0]));
    tcase_add_test(tcase, protobuf_stops_at_the_maximum);
    tcase_add_test(tcase, protobuf_takes_bytes_in_their_place);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
