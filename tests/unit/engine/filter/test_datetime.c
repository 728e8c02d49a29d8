/* SPDX-License-Identifier: Apache-2.0
 * Moments in the forms that the reference reads, and in those it does not. */
#include "engine/filter/datetime.h"

#include <check.h>
#include <stdlib.h>

#include "tests/fixture/suite.h"

#define NEW_YEAR INT64_C(1577836800000000) /* 2020-01-01T00:00:00Z */
#define HOUR     INT64_C(3600000000)

static const struct {
    const char *text;
    int64_t us;
} good[] = {
    { "2020-01-01T00:00:00Z", NEW_YEAR },
    { "2020-01-01t00:00:00z", NEW_YEAR },
    { "2020-01-01T00:00:00", NEW_YEAR },
    { "2020-01-01 00:00:00", NEW_YEAR },
    { "2020-01-01  00:00:00 Z", NEW_YEAR },
    { "2020-01-01T00:00", NEW_YEAR },
    { "2020-01-01", NEW_YEAR },
    { " 2020-1-1", NEW_YEAR },
    { "+2020-01-01T0:0:0", NEW_YEAR },
    { "2020-01-01T00:00:00-00:00", NEW_YEAR },
    { "2020-01-01T00:00:00+02:00", NEW_YEAR - 2 * HOUR },
    { "2020-01-01 00:00:00 +0200", NEW_YEAR - 2 * HOUR },
    { "2020-01-01T00:00:00+02", NEW_YEAR - 2 * HOUR },
    { "2020-01-01T00:00:00-23:59", NEW_YEAR + 24 * HOUR - HOUR / 60 },
    { "2020-01-01T00:00:00.5", NEW_YEAR + 500000 },
    { "2020-01-01T00:00:00.1234567890123Z", NEW_YEAR + 123456 },
    { "2019-12-31T23:59:60Z", NEW_YEAR },
    { "1970-01-01", 0 },
    { "1969-12-31T23:59:59.9999999Z", -1 },
    { "2000-02-29", INT64_C(951782400000000) },
    { "0001-01-01", INT64_C(-62135596800000000) },
    { "0000-03-01", INT64_C(-62162035200000000) },
    { "-0001-12-31", INT64_C(-62167305600000000) },
    { "9999-12-31T23:59:59.999999Z", INT64_C(253402300799999999) },
    { "+10000-01-01", INT64_C(253402300800000000) },
};

START_TEST(datetime_reads_the_usual_forms)
{
    int64_t us = 1;
    ck_assert_msg(datetime_parse(span_of(good[_i].text), &us), "%s",
                  good[_i].text);
    ck_assert_msg(us == good[_i].us, "%s: %lld, not %lld", good[_i].text,
                  (long long)us, (long long)good[_i].us);
}
END_TEST

static const char *const bad[] = {
    "",
    " ",
    "2020",
    "2020-01",
    "20200101",
    "2020-001",
    "2020-W01-1",
    "12020-01-01",
    "+999999-01-01",
    "2020-01-01 ",
    "2020-00-01",
    "2020-13-01",
    "2020-01-00",
    "2020-02-30",
    "1900-02-29",
    "2020-01-01T",
    "2020-01-01T00",
    "2020-01-01T24:00:00Z",
    "2020-01-01T00:60:00Z",
    "2020-01-01T00:00:61Z",
    "2020-01-01T00:00Z",
    "2020-01-01T00:00:00.",
    "2020-01-01T00:00:00.Z",
    "2020-01-01T00:00:00,5Z",
    "2020-01-01T00:00:00+2",
    "2020-01-01T00:00:00+02:",
    "2020-01-01T00:00:00+02:60",
    "2020-01-01T00:00:00+24:00",
    "2020-01-01T00:00:00Z ",
    "2020-01-01T00:00:00X",
    "2020-01-01X00:00:00Z",
    "yesterday",
};

START_TEST(datetime_refuses_others)
{
    int64_t us;
    ck_assert_msg(!datetime_parse(span_of(bad[_i]), &us), "%s", bad[_i]);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("filter/datetime");
    TCase *tcase = tcase_create("datetime");
    tcase_add_loop_test(tcase, datetime_reads_the_usual_forms, 0,
                        (int)(sizeof(good) / sizeof(good[0])));
    tcase_add_loop_test(tcase, datetime_refuses_others, 0,
                        (int)(sizeof(bad) / sizeof(bad[0])));
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
