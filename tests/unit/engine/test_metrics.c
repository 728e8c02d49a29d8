/* SPDX-License-Identifier: Apache-2.0
 * Counters and their Prometheus text. */
#include "engine/metrics.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

static void
expect(const struct bytes *out, const char *line)
{
    ck_assert_msg(strstr(out->data, line) != NULL, "no %s in:\n%s", line,
                  out->data);
}

START_TEST(metrics_count_by_endpoint_and_status)
{
    struct bytes out;
    struct metrics *metrics = metrics_new();
    uint64_t count, failed;
    ck_assert_ptr_nonnull(metrics);
    bytes_init(&out, 1 << 16);
    unsigned a = metrics_endpoint_add(metrics, "GET", "/a");
    unsigned b = metrics_endpoint_add(metrics, "PUT", "/b");
    metrics_observe(metrics, a, 200, 500000);
    metrics_observe(metrics, a, 200, 1500000);
    metrics_observe(metrics, a, 404, 9);
    metrics_observe(metrics, b, 299, 9);
    metrics_write_requests(metrics, &out);
    expect(&out, "rest_responses_total{method=\"GET\",endpoint=\"/a\","
                 "status=\"200\"} 2\n");
    expect(&out, "rest_responses_total{method=\"GET\",endpoint=\"/a\","
                 "status=\"404\"} 1\n");
    expect(&out, "status=\"0\"} 1\n");
    expect(&out, "endpoint=\"/a\",status=\"200\",le=\"0.001\"} 1\n");
    expect(&out, "endpoint=\"/a\",status=\"200\",le=\"0.005\"} 2\n");
    expect(&out, "endpoint=\"/a\",status=\"200\",le=\"+Inf\"} 2\n");
    expect(&out, "duration_seconds_sum{method=\"GET\",endpoint=\"/a\","
                 "status=\"200\"} 0.002\n");
    expect(&out, "rest_responses_avg_duration_seconds{method=\"GET\","
                 "endpoint=\"/a\",status=\"200\"} 0.001\n");
    expect(&out, "rest_responses_min_duration_seconds{method=\"GET\","
                 "endpoint=\"/a\",status=\"200\"} 0.0005\n");
    metrics_requests(metrics, &count, &failed);
    ck_assert_uint_eq(count, 4);
    ck_assert_uint_eq(failed, 1);
    bytes_release(&out);
    metrics_free(metrics);
}
END_TEST

START_TEST(metrics_labels_are_escaped)
{
    struct bytes out;
    bytes_init(&out, 100);
    metrics_write_label(&out, span_of("a\"b\\c\nd"));
    ck_assert_str_eq(out.data, "\"a\\\"b\\\\c\\nd\"");
    bytes_release(&out);
}
END_TEST

START_TEST(metrics_know_the_process)
{
    struct bytes out;
    bytes_init(&out, 1 << 16);
    metrics_write_process(&out);
    expect(&out, "# TYPE memory_resident_bytes gauge\n");
    expect(&out, "process_threads ");
    ck_assert_ptr_null(strstr(out.data, "memory_resident_bytes 0\n"));
    bytes_release(&out);
}
END_TEST

START_TEST(metrics_text_past_its_buffer_is_noticed)
{
    struct bytes out;
    bytes_init(&out, 10);
    metrics_write_process(&out);
    ck_assert(bytes_failed(&out));
    bytes_release(&out);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("metrics");
    TCase *tcase = tcase_create("metrics");
    tcase_add_test(tcase, metrics_count_by_endpoint_and_status);
    tcase_add_test(tcase, metrics_labels_are_escaped);
    tcase_add_test(tcase, metrics_know_the_process);
    tcase_add_test(tcase, metrics_text_past_its_buffer_is_noticed);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
