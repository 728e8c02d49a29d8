/* SPDX-License-Identifier: Apache-2.0
 * Covers: prefixes, timeouts, error texts, gzip there and back and broken. */
#include "engine/wire/grpc_frame.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

START_TEST(grpc_prefix_holds_flag_and_size)
{
    uint8_t prefix[GRPC_PREFIX_SIZE];
    uint32_t size;
    bool is_compressed;
    grpc_prefix_write(prefix, true, 0x01020304);
    ck_assert(memcmp(prefix, "\1\1\2\3\4", GRPC_PREFIX_SIZE) == 0);
    ck_assert(grpc_prefix_read(prefix, &is_compressed, &size));
    ck_assert(is_compressed);
    ck_assert_uint_eq(size, 0x01020304);
    prefix[0] = 2;
    ck_assert(!grpc_prefix_read(prefix, &is_compressed, &size));
}
END_TEST

static const struct {
    const char *text;
    uint64_t ms;
} timeouts[] = {
    { "0n", 0 },
    { "1n", 1 },
    { "1u", 1 },
    { "1001u", 2 },
    { "250m", 250 },
    { "5S", 5000 },
    { "2M", 120000 },
    { "1H", 3600000 },
    { "99999999H", 359999996400000 },
    { "", UINT64_MAX },
    { "5", UINT64_MAX },
    { "S", UINT64_MAX },
    { "123456789m", UINT64_MAX },
    { "5s", UINT64_MAX },
    { "5SS", UINT64_MAX },
    { "-5S", UINT64_MAX },
    { "1.5S", UINT64_MAX },
};

START_TEST(grpc_timeout_is_read)
{
    uint64_t ms = UINT64_MAX;
    bool is_read = grpc_timeout_read(timeouts[_i].text, &ms);
    ck_assert(is_read == (timeouts[_i].ms != UINT64_MAX));
    ck_assert_uint_eq(ms, timeouts[_i].ms);
}
END_TEST

START_TEST(grpc_message_is_percent_encoded)
{
    struct bytes out;
    bytes_init(&out, 1000);
    grpc_message_write(&out, span_of("a 50% \xc3\xa4\n\x7f~"));
    ck_assert_str_eq(out.data, "a 50%25 %C3%A4%0A%7F~");
    bytes_release(&out);
}
END_TEST

/* Peers end a connection for a value that begins or ends with a space. */
START_TEST(grpc_message_has_no_space_at_its_ends)
{
    struct bytes out;
    bytes_init(&out, 100);
    grpc_message_write(&out, span_of(" name: "));
    ck_assert_str_eq(out.data, "%20name:%20");
    bytes_release(&out);
    grpc_message_write(&out, span_of(" "));
    ck_assert_str_eq(out.data, "%20");
    bytes_release(&out);
}
END_TEST

static const size_t sizes[] = { 0, 1, 4095, 4096, 4097, 100000 };

START_TEST(grpc_gzip_gives_back_what_it_took)
{
    struct bytes message, packed, back;
    bytes_init(&message, 1 << 20);
    bytes_init(&packed, 1 << 20);
    bytes_init(&back, sizes[_i] > 0 ? sizes[_i] : 1);
    for (size_t i = 0; i < sizes[_i]; i++)
        bytes_add_char(&message, (char)(i * i >> 3));
    ck_assert(grpc_gzip(bytes_span(&message), &packed));
    ck_assert(grpc_gunzip(bytes_span(&packed), &back));
    ck_assert(span_equal(bytes_span(&message), bytes_span(&back)));
    bytes_release(&back);
    if (sizes[_i] > 1) {
        bytes_init(&back, sizes[_i] - 1); /* one past the limit */
        ck_assert(!grpc_gunzip(bytes_span(&packed), &back));
        ck_assert(bytes_failed(&back));
        bytes_release(&back);
    }
    bytes_init(&back, 1 << 20);
    packed.size--; /* cut off */
    ck_assert(!grpc_gunzip(bytes_span(&packed), &back));
    bytes_release(&back);
    bytes_release(&message);
    bytes_release(&packed);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("grpc_frame");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, grpc_prefix_holds_flag_and_size);
    tcase_add_loop_test(tcase, grpc_timeout_is_read, 0,
                        sizeof(timeouts) / sizeof(timeouts[0]));
    tcase_add_test(tcase, grpc_message_is_percent_encoded);
    tcase_add_test(tcase, grpc_message_has_no_space_at_its_ends);
    tcase_add_loop_test(tcase, grpc_gzip_gives_back_what_it_took, 0,
                        sizeof(sizes) / sizeof(sizes[0]));
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
