/* SPDX-License-Identifier: Apache-2.0
 * Counters of requests and their text, in both formats. */
#include "engine/anonymous.h"
#include "engine/metrics.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

static struct bytes out;
static struct metrics_text text;
static struct metrics *metrics;

static void
setup(void)
{
    bytes_init(&out, 1 << 20);
    text = (struct metrics_text){ .out = &out, .prefix = "" };
    metrics = metrics_new(true);
    ck_assert_ptr_nonnull(metrics);
}

static void
teardown(void)
{
    metrics_free(metrics);
    bytes_release(&out);
}

static void
expect(const char *line)
{
    ck_assert_msg(strstr(out.data, line) != NULL, "no %s in:\n%s", line,
                  out.data);
}

static unsigned
add(enum metrics_protocol protocol, const char *method, const char *name)
{
    return metrics_endpoint_add(
        metrics,
        &(struct metrics_endpoint){ protocol, method, name, name[1] == 's' });
}

static void
observe(unsigned endpoint, int status, uint64_t duration_ns, const char *trace)
{
    metrics_observe(metrics,
                    &(struct metrics_event){
                        endpoint, status, duration_ns, trace, { NULL, 0 } });
}

static void
observe_in(const char *collection, unsigned endpoint, int status)
{
    metrics_observe(
        metrics, &(struct metrics_event){ .endpoint = endpoint,
                                          .status = status,
                                          .duration_ns = 500000,
                                          .collection = span_of(collection) });
}

START_TEST(metrics_count_by_endpoint_and_status)
{
    uint64_t count, failed;
    unsigned a = add(METRICS_REST, "GET", "/a");
    unsigned b = add(METRICS_REST, "PUT", "/b");
    observe(a, 200, 500000, NULL);
    observe(a, 200, 1500000, NULL);
    observe(a, 404, 9, NULL);
    observe(b, 299, 9, NULL);
    metrics_write_requests(metrics, false, &text);
    expect("rest_responses_total{method=\"GET\",endpoint=\"/a\","
           "status=\"200\"} 2\n");
    expect("rest_responses_total{method=\"GET\",endpoint=\"/a\","
           "status=\"404\"} 1\n");
    expect("status=\"0\"} 1\n");
    expect("endpoint=\"/a\",status=\"200\",le=\"0.001\"} 1\n");
    expect("endpoint=\"/a\",status=\"200\",le=\"0.005\"} 2\n");
    expect("endpoint=\"/a\",status=\"200\",le=\"+Inf\"} 2\n");
    expect("duration_seconds_sum{method=\"GET\",endpoint=\"/a\","
           "status=\"200\"} 0.002\n");
    expect("rest_responses_avg_duration_seconds{method=\"GET\","
           "endpoint=\"/a\",status=\"200\"} 0.001\n");
    expect("rest_responses_min_duration_seconds{method=\"GET\","
           "endpoint=\"/a\",status=\"200\"} 0.0005\n");
    metrics_requests(metrics, METRICS_REST, &count, &failed);
    ck_assert_uint_eq(count, 4);
    ck_assert_uint_eq(failed, 1);
}
END_TEST

START_TEST(metrics_count_by_collection)
{
    unsigned a = add(METRICS_REST, "GET", "/a");
    unsigned b = add(METRICS_GRPC, "", "/p.S/B");
    observe_in("one", a, 200);
    observe_in("one", a, 200);
    observe_in("one", a, 404);
    observe_in("t\"wo", b, 0);
    observe(a, 200, 500000, NULL);
    metrics_write_requests(metrics, true, &text);
    expect("rest_responses_total{method=\"GET\",endpoint=\"/a\","
           "status=\"200\",collection=\"one\"} 2\n");
    expect("status=\"404\",collection=\"one\"} 1\n");
    expect("rest_responses_duration_seconds_count{method=\"GET\","
           "endpoint=\"/a\",status=\"200\",collection=\"one\"} 2\n");
    expect("grpc_responses_total{endpoint=\"/p.S/B\",status=\"0\","
           "collection=\"t\\\"wo\"} 1\n");
    ck_assert_ptr_null(strstr(out.data, "status=\"200\"} "));
    bytes_release(&out);
    bytes_init(&out, 1 << 20);
    metrics_write_requests(metrics, false, &text);
    expect("endpoint=\"/a\",status=\"200\"} 3\n");
    ck_assert_ptr_null(strstr(out.data, "collection="));
}
END_TEST

START_TEST(metrics_of_collections_are_bounded_and_forgotten)
{
    char name[32];
    unsigned a = add(METRICS_REST, "GET", "/a");
    bytes_release(&out);
    bytes_init(&out, 4 << 20);
    for (int i = 0; i <= METRICS_COLLECTIONS_MAX; i++) {
        snprintf(name, sizeof(name), "c%d", i);
        observe_in(name, a, 200);
    }
    metrics_write_requests(metrics, true, &text);
    expect("collection=\"c999\"");
    ck_assert_ptr_null(strstr(out.data, "collection=\"c1000\""));
    metrics_forget(metrics, span_of("c7"));
    metrics_forget(metrics, span_of("none"));
    observe_in("c1000", a, 200);
    bytes_release(&out);
    bytes_init(&out, 4 << 20);
    metrics_write_requests(metrics, true, &text);
    ck_assert_ptr_null(strstr(out.data, "collection=\"c7\""));
    expect("collection=\"c1000\"");
}
END_TEST

START_TEST(metrics_of_grpc_have_their_own_names)
{
    uint64_t count, failed;
    unsigned a = add(METRICS_GRPC, "", "/p.S/A");
    observe(a, 0, 2000000, NULL);
    observe(a, 5, 9, NULL);
    observe(a, 99, 9, NULL);
    metrics_write_requests(metrics, false, &text);
    expect("grpc_responses_total{endpoint=\"/p.S/A\",status=\"0\"} 1\n");
    expect("grpc_responses_total{endpoint=\"/p.S/A\",status=\"5\"} 1\n");
    expect("grpc_responses_total{endpoint=\"/p.S/A\",status=\"-1\"} 1\n");
    expect("grpc_responses_duration_seconds_bucket{endpoint=\"/p.S/A\","
           "status=\"0\",le=\"0.005\"} 1\n");
    expect("qdrant_grpc_requests_total{method=\"/p.S/A\",status=\"0\"} 1\n");
    ck_assert_ptr_null(strstr(out.data, "rest_responses_total{"));
    metrics_requests(metrics, METRICS_GRPC, &count, &failed);
    ck_assert_uint_eq(count, 3);
    ck_assert_uint_eq(failed, 2);
}
END_TEST

START_TEST(metrics_put_searches_of_both_protocols_together)
{
    unsigned rest = add(METRICS_REST, "POST", "/search");
    unsigned grpc = add(METRICS_GRPC, "", "/search");
    observe(rest, 200, 300000, NULL);
    observe(grpc, 0, 700000, NULL);
    observe(grpc, 3, 700000, NULL);
    observe(add(METRICS_REST, "GET", "/a"), 200, 300000, NULL);
    metrics_write_requests(metrics, false, &text);
    expect("qdrant_search_latency_seconds_bucket{le=\"0.00025\"} 0\n");
    expect("qdrant_search_latency_seconds_bucket{le=\"0.0005\"} 1\n");
    expect("qdrant_search_latency_seconds_bucket{le=\"0.001\"} 2\n");
    expect("qdrant_search_latency_seconds_sum 0.001\n");
    expect("qdrant_search_latency_seconds_count 2\n");
}
END_TEST

START_TEST(metrics_in_openmetrics_have_exemplars_and_an_end)
{
    text.is_open_metrics = true;
    observe(add(METRICS_REST, "GET", "/a"), 200, 500000, "4bf92f3577b34da6");
    metrics_write_requests(metrics, false, &text);
    metrics_end(&text);
    expect("# TYPE rest_responses counter\n");
    expect("rest_responses_total{method=\"GET\"");
    expect("le=\"0.001\"} 1 # {trace_id=\"4bf92f3577b34da6\"} 0.0005 ");
    ck_assert_str_eq(out.data + out.size - 6, "# EOF\n");
}
END_TEST

START_TEST(metrics_in_plain_text_have_no_exemplars)
{
    observe(add(METRICS_REST, "GET", "/a"), 200, 500000, "4bf92f3577b34da6");
    metrics_write_requests(metrics, false, &text);
    metrics_end(&text);
    ck_assert_ptr_null(strstr(out.data, "trace_id"));
    ck_assert_ptr_null(strstr(out.data, "EOF"));
    expect("# TYPE rest_responses_total counter\n");
}
END_TEST

START_TEST(metrics_take_a_prefix)
{
    text.prefix = "x_";
    metrics_one(&text, "a", "gauge", "help", 1);
    ck_assert_str_eq(out.data, "# HELP x_a help\n# TYPE x_a gauge\nx_a 1\n");
    ck_assert(metrics_prefix_is_valid("qdrant_"));
    ck_assert(!metrics_prefix_is_valid("a-b"));
    ck_assert(!metrics_prefix_is_valid("1a"));
}
END_TEST

START_TEST(metrics_know_who_asks_for_openmetrics)
{
    ck_assert(metrics_accepts_open(
        "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"));
    ck_assert(metrics_accepts_open("text/plain, Application/OpenMetrics-Text"));
    ck_assert(!metrics_accepts_open("text/plain;version=0.0.4"));
    ck_assert(!metrics_accepts_open(NULL));
}
END_TEST

START_TEST(metrics_labels_are_escaped)
{
    metrics_label(&text, span_of("a\"b\\c\nd"));
    ck_assert_str_eq(out.data, "\"a\\\"b\\\\c\\nd\"");
}
END_TEST

START_TEST(metrics_hide_names_where_they_are_asked_to)
{
    char first[ANONYMOUS_SIZE], other[ANONYMOUS_SIZE];
    text.is_anonymous = true;
    metrics_label_private(&text, span_of("customers"));
    ck_assert_ptr_null(strstr(out.data, "customers"));
    anonymous_name(span_of("customers"), first);
    expect(first);
    anonymous_name(span_of("others"), other);
    ck_assert_str_ne(first, other);
    ck_assert_uint_eq(anonymous_number(0), 0);
    ck_assert_uint_eq(anonymous_number(9), 9);
    ck_assert_uint_eq(anonymous_number(77688), 70000);
    ck_assert_uint_eq(anonymous_number(UINT64_MAX), 10000000000000000000u);
}
END_TEST

START_TEST(metrics_know_the_process_and_the_disk)
{
    metrics_write_process(&text);
    metrics_write_disk(&text, "/");
    expect("# TYPE memory_resident_bytes gauge\n");
    expect("process_threads ");
    expect("# TYPE qdrant_disk_free_bytes gauge\n");
    expect("qdrant_disk_total_bytes ");
    ck_assert_ptr_null(strstr(out.data, "memory_resident_bytes 0\n"));
    ck_assert_ptr_null(strstr(out.data, "process_open_fds 0\n"));
    ck_assert_ptr_null(strstr(out.data, "process_open_mmaps 0\n"));
    ck_assert_ptr_null(strstr(out.data, "system_max_mmaps 0\n"));
}
END_TEST

START_TEST(metrics_text_past_its_buffer_is_noticed)
{
    bytes_release(&out);
    bytes_init(&out, 10);
    metrics_write_process(&text);
    ck_assert(bytes_failed(&out));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("metrics");
    TCase *tcase = tcase_create("metrics");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, metrics_count_by_endpoint_and_status);
    tcase_add_test(tcase, metrics_count_by_collection);
    tcase_add_test(tcase, metrics_of_collections_are_bounded_and_forgotten);
    tcase_add_test(tcase, metrics_of_grpc_have_their_own_names);
    tcase_add_test(tcase, metrics_put_searches_of_both_protocols_together);
    tcase_add_test(tcase, metrics_in_openmetrics_have_exemplars_and_an_end);
    tcase_add_test(tcase, metrics_in_plain_text_have_no_exemplars);
    tcase_add_test(tcase, metrics_take_a_prefix);
    tcase_add_test(tcase, metrics_know_who_asks_for_openmetrics);
    tcase_add_test(tcase, metrics_labels_are_escaped);
    tcase_add_test(tcase, metrics_hide_names_where_they_are_asked_to);
    tcase_add_test(tcase, metrics_know_the_process_and_the_disk);
    tcase_add_test(tcase, metrics_text_past_its_buffer_is_noticed);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
