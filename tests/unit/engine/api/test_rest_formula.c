/* SPDX-License-Identifier: Apache-2.0
 * Formulas as REST writes them, and the scores that they give. */
#include "engine/api/rest_formula.h"

#include "engine/codec/json_read.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

#define ARENA_SIZE_MAX ((size_t)16 << 20)
#define TEXT_SIZE_MAX  ((size_t)1 << 16)

static struct arena arena;
static struct error error;
static yyjson_doc *query_doc, *payload_doc;
static bool reads_payload; /* the last formula */

static void
setup(void)
{
    arena_init(&arena, ARENA_SIZE_MAX);
    query_doc = payload_doc = NULL;
    error.text[0] = '\0';
}

static void
teardown(void)
{
    yyjson_doc_free(query_doc);
    yyjson_doc_free(payload_doc);
    arena_release(&arena);
}

static yyjson_val *
read_text(yyjson_doc **doc, struct span text)
{
    yyjson_doc_free(*doc);
    *doc = NULL;
    ck_assert_int_eq(json_parse(text, doc, &error), ENGINE_OK);
    return yyjson_doc_get_root(*doc);
}

static const char payload[] =
    "{\"n\":4,\"one\":[8],\"two\":[1,2],\"s\":\"x\",\"a\":{\"b\":0.5},"
    "\"at\":\"2020-01-01T00:00:01.5Z\",\"here\":{\"lon\":0,\"lat\":0},"
    "\"none\":[]}";

/* Of a point that the first prefetch found with 2.5, and the second did not;
 * the first condition holds, the second one does not. */
static enum engine_code
score(const char *expression, const char *defaults, float *ret_score)
{
    static const float scores[] = { 2.5f, NAN };
    static const bool holds[FORMULA_CONDITIONS_MAX] = { true, false };
    const struct formula *formula = NULL;
    struct bytes text;
    bytes_init(&text, TEXT_SIZE_MAX);
    bytes_addf(&text, "{\"formula\":%s,\"defaults\":%s}", expression, defaults);
    yyjson_val *query = read_text(&query_doc, bytes_span(&text));
    bytes_release(&text);
    enum engine_code code =
        rest_formula_parse(query, "internal.query", &arena, &formula, &error);
    if (code != ENGINE_OK)
        return code;
    struct formula_input input = {
        .payload = read_text(&payload_doc, span_of(payload)),
        .scores = scores,
        .scores_count = 2,
        .conditions = holds,
    };
    reads_payload = formula_reads_payload(formula);
    return formula_score(formula, &input, ret_score, &error);
}

static const struct {
    const char *expression;
    double score;
} cases[] = {
    { "1.5", 1.5 },
    { "\"$score\"", 2.5 },
    { "\"$score[0]\"", 2.5 },
    { "\"$score[1]\"", 7.0 },
    { "\"$score[2]\"", 0.0 },
    { "\"n\"", 4.0 },
    { "\"one\"", 8.0 },
    { "\"one[0]\"", 8.0 },
    { "\"two[1]\"", 2.0 },
    { "\"a.b\"", 0.5 },
    { "\"missing\"", 3.0 },
    { "\"none\"", 11.0 },
    { "\"q.r\"", 6.0 },
    { "{\"key\":\"n\",\"match\":{\"value\":4}}", 1.0 },
    { "{\"sum\":[{\"has_id\":[1]},{\"must\":[]},1]}", 2.0 },
    { "{\"mult\":[2,3,\"n\"]}", 24.0 },
    { "{\"mult\":[]}", 1.0 },
    { "{\"mult\":[0,\"s\"]}", 0.0 },
    { "{\"sum\":[2,3,\"n\"]}", 9.0 },
    { "{\"sum\":[]}", 0.0 },
    { "{\"neg\":\"n\"}", -4.0 },
    { "{\"abs\":{\"neg\":\"n\"}}", 4.0 },
    { "{\"sqrt\":\"n\"}", 2.0 },
    { "{\"exp\":1}", 2.718281828 },
    { "{\"log10\":1000}", 3.0 },
    { "{\"ln\":{\"exp\":2}}", 2.0 },
    { "{\"div\":{\"left\":9,\"right\":\"n\"}}", 2.25 },
    { "{\"div\":{\"left\":0,\"right\":0}}", 0.0 },
    { "{\"div\":{\"left\":9,\"right\":0,\"by_zero_default\":5}}", 5.0 },
    { "{\"pow\":{\"base\":\"n\",\"exponent\":3}}", 64.0 },
    { "{\"lin_decay\":{\"x\":0.25}}", 0.875 },
    { "{\"lin_decay\":{\"x\":5}}", 0.0 },
    { "{\"lin_decay\":{\"x\":\"n\",\"target\":6,\"scale\":4,"
      "\"midpoint\":0.5}}",
      0.75 },
    { "{\"exp_decay\":{\"x\":2}}", 0.25 },
    { "{\"gauss_decay\":{\"x\":2}}", 0.0625 },
    { "{\"gauss_decay\":{\"x\":10,\"target\":5,\"scale\":5}}", 0.5 },
    { "{\"sum\":[{\"datetime_key\":\"at\"},"
      "{\"neg\":{\"datetime\":\"2020-01-01T00:00:00Z\"}}]}",
      1.5 },
    { "{\"geo_distance\":{\"origin\":{\"lon\":0,\"lat\":1},\"to\":\"here\"}}",
      111195.08 },
};

START_TEST(formulas_give_their_scores)
{
    float got = 0;
    static const char defaults[] = "{\"missing\":3,\"$score[1]\":7,\"q.r\":6,"
                                   "\"n\":99,\"none\":11,\"$score\":\"x\"}";
    ck_assert_msg(score(cases[_i].expression, defaults, &got) == ENGINE_OK,
                  "%s: %s", cases[_i].expression, error.text);
    ck_assert_msg(fabs((double)got - cases[_i].score) <=
                      1e-6 * fmax(1.0, fabs(cases[_i].score)),
                  "%s is %g", cases[_i].expression, (double)got);
}
END_TEST

static const struct {
    const char *expression;
    enum engine_code code;
    const char *text;
} refused[] = {
    { "\"p\"", ENGINE_EINPUT,
      "Expected number value for p in the payload and/or in the formula "
      "defaults. Error: No value found in a payload nor defaults" },
    { "\"s\"", ENGINE_EINPUT, "Value is not a number" },
    { "\"two\"", ENGINE_EINPUT, "Value is not a number" },
    { "{\"datetime_key\":\"n\"}", ENGINE_EINPUT,
      "Expected datetime value for n" },
    { "{\"geo_distance\":{\"origin\":{\"lon\":0,\"lat\":1},\"to\":\"n\"}}",
      ENGINE_EINPUT, "Expected geo point value for n" },
    { "{\"div\":{\"left\":1,\"right\":0}}", ENGINE_EINPUT,
      "The expression 1/0 = inf produced a non-finite number" },
    { "{\"sqrt\":-1}", ENGINE_EINPUT, "produced a non-finite number" },
    { "{\"ln\":0}", ENGINE_EINPUT, "The expression ln(0) = -inf produced" },
    { "{\"log10\":0}", ENGINE_EINPUT,
      "The expression log10(0) = -inf produced" },
    { "{\"exp\":1000}", ENGINE_EINPUT,
      "The expression exp(1000) = inf produced" },
    { "{\"pow\":{\"base\":0,\"exponent\":-1}}", ENGINE_EINPUT,
      "The expression 0^-1 = inf produced" },
    { "{\"exp\":700}", ENGINE_EINPUT, "non-finite number" },
    { "{\"exp_decay\":{\"x\":1,\"midpoint\":1}}", ENGINE_EINPUT,
      "Decay midpoint should be in the range (0.0, 1.0), got 1." },
    { "{\"lin_decay\":{\"x\":1,\"midpoint\":1.5}}", ENGINE_EINPUT,
      "Linear decay midpoint should be in the range [0.0, 1.0], got 1.5." },
    { "{\"gauss_decay\":{\"x\":1,\"scale\":0}}", ENGINE_EINPUT,
      "Decay scale should be non-zero positive, got 0." },
    { "\"$foo\"", ENGINE_EINPUT, "Invalid reserved variable: $foo" },
    { "\"$score[]\"", ENGINE_EINPUT, "Invalid reserved variable" },
    { "\"\"", ENGINE_EINPUT, "Invalid payload variable" },
    { "null", ENGINE_EFORMAT, "untagged enum Expression" },
    { "[1]", ENGINE_EFORMAT, "untagged enum Expression" },
    { "true", ENGINE_EFORMAT, "untagged enum Expression" },
    { "{\"mult\":1}", ENGINE_EFORMAT, "untagged enum Expression" },
    { "{\"mult\":[null]}", ENGINE_EFORMAT, "untagged enum Expression" },
    { "{\"div\":{\"left\":1}}", ENGINE_EFORMAT, "untagged enum Expression" },
    { "{\"lin_decay\":{}}", ENGINE_EFORMAT, "untagged enum Expression" },
    { "{\"datetime\":\"yesterday\"}", ENGINE_EINPUT,
      "does not match accepted datetime format" },
    { "{\"geo_distance\":{\"origin\":{\"lon\":200,\"lat\":1},\"to\":\"n\"}}",
      ENGINE_EFORMAT, "geo_distance.origin" },
    { "{\"frobnicate\":1}", ENGINE_EFORMAT, "some form of condition" },
    { "1e300", ENGINE_EFORMAT, "f32" },
};

START_TEST(bad_formulas_are_refused_by_name)
{
    float got = 0;
    ck_assert_msg(score(refused[_i].expression, "{}", &got) == refused[_i].code,
                  "%s: %s", refused[_i].expression, error.text);
    ck_assert_msg(strstr(error.text, refused[_i].text) != NULL, "%s: %s",
                  refused[_i].expression, error.text);
}
END_TEST

START_TEST(payloads_are_read_for_variables_only)
{
    static const struct {
        const char *expression;
        bool reads;
    } formulas[] = {
        { "{\"sum\":[1,\"$score\",{\"key\":\"n\",\"match\":{\"value\":1}}]}",
          false },
        { "{\"sum\":[1,{\"mult\":[0,{\"neg\":\"n\"}]}]}", true },
        { "{\"exp_decay\":{\"x\":0,\"target\":\"n\"}}", true },
        { "{\"neg\":{\"datetime_key\":\"at\"}}", true },
        { "{\"neg\":{\"datetime\":\"2020-01-01\"}}", false },
    };
    float got = 0;
    for (size_t i = 0; i < sizeof(formulas) / sizeof(formulas[0]); i++) {
        ck_assert_int_eq(score(formulas[i].expression, "{}", &got), ENGINE_OK);
        ck_assert_msg(reads_payload == formulas[i].reads, "%s",
                      formulas[i].expression);
    }
}
END_TEST

START_TEST(bad_defaults_are_refused)
{
    float got = 0;
    ck_assert_int_eq(score("1", "[]", &got), ENGINE_EFORMAT);
    ck_assert_int_eq(score("1", "{\"$x\":1}", &got), ENGINE_EINPUT);
    ck_assert_int_eq(score("1", "{\"a..b\":1}", &got), ENGINE_EINPUT);
    ck_assert_int_eq(score("\"missing\"", "{\"missing\":\"x\"}", &got),
                     ENGINE_EINPUT);
}
END_TEST

/* So many items, something, and as many closings. */
static enum engine_code
score_of_many(const char *begin, const char *item, const char *end,
              size_t count, const char *close)
{
    struct bytes text;
    float got;
    bytes_init(&text, TEXT_SIZE_MAX);
    bytes_add_text(&text, begin);
    for (size_t i = 0; i < count; i++)
        bytes_add_text(&text, item);
    bytes_add_text(&text, end);
    for (size_t i = 0; i < count; i++)
        bytes_add_text(&text, close);
    bytes_add_char(&text, '\0');
    enum engine_code code = score(bytes_span(&text).data, "{}", &got);
    bytes_release(&text);
    return code;
}

/* As many as allowed, and one more. */
START_TEST(limits_hold)
{
    size_t depth = FORMULA_DEPTH_MAX - 1;
    ck_assert_int_eq(score_of_many("", "{\"neg\":", "1", depth, "}"),
                     ENGINE_OK);
    ck_assert_int_eq(score_of_many("", "{\"neg\":", "1", depth + 1, "}"),
                     ENGINE_EFORMAT);
    ck_assert_ptr_nonnull(strstr(error.text, "deeper than 64 levels"));
    size_t count = FORMULA_EXPRESSIONS_MAX - 2;
    ck_assert_int_eq(score_of_many("{\"sum\":[", "0,", "0]}", count, ""),
                     ENGINE_OK);
    ck_assert_int_eq(score_of_many("{\"sum\":[", "0,", "0]}", count + 1, ""),
                     ENGINE_EFORMAT);
    ck_assert_ptr_nonnull(strstr(error.text, "more than 1024 expressions"));
    static const char condition[] = "{\"has_id\":[1]},";
    count = FORMULA_CONDITIONS_MAX + 1;
    ck_assert_int_eq(
        score_of_many("{\"mult\":[0,", condition, "0]}", count, ""),
        ENGINE_EFORMAT);
    ck_assert_ptr_nonnull(strstr(error.text, "more than 64 conditions"));
    ck_assert_int_eq(
        score_of_many("{\"mult\":[0,", condition, "0]}", count - 1, ""),
        ENGINE_OK);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("rest_formula");
    TCase *tcase = tcase_create("formula");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, formulas_give_their_scores, 0,
                        (int)(sizeof(cases) / sizeof(cases[0])));
    tcase_add_loop_test(tcase, bad_formulas_are_refused_by_name, 0,
                        (int)(sizeof(refused) / sizeof(refused[0])));
    tcase_add_test(tcase, payloads_are_read_for_variables_only);
    tcase_add_test(tcase, bad_defaults_are_refused);
    tcase_add_test(tcase, limits_hold);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
