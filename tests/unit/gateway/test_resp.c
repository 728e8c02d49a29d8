/* SPDX-License-Identifier: Apache-2.0
 * Replies of a store, whole, in pieces, and from one that lies (T43). */
#include "gateway/resp.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

static enum resp_code
feed(struct resp *resp, const char *bytes, size_t size, redisReply **reply)
{
    ck_assert_int_eq(resp_feed(resp, bytes, size), 0);
    return resp_next(resp, reply);
}

static enum resp_code
feed_text(struct resp *resp, const char *text, redisReply **reply)
{
    return feed(resp, text, strlen(text), reply);
}

START_TEST(resp_reads_replies_in_any_pieces)
{
    static const char text[] =
        "+OK\r\n$3\r\nabc\r\n*2\r\n$-1\r\n:7\r\n-ERR x\r\n";
    struct resp *resp = resp_create();
    redisReply *reply;
    int types[4], count = 0;
    size_t i;

    ck_assert_ptr_nonnull(resp);
    for (i = 0; i < sizeof(text) - 1; i++) {
        if (feed(resp, text + i, 1, &reply) == RESP_REPLY) {
            ck_assert_int_lt(count, 4);
            types[count++] = reply->type;
            freeReplyObject(reply);
            ck_assert_int_eq(resp_next(resp, &reply), RESP_MORE);
        }
    }
    ck_assert_int_eq(count, 4);
    ck_assert_int_eq(types[0], REDIS_REPLY_STATUS);
    ck_assert_int_eq(types[1], REDIS_REPLY_STRING);
    ck_assert_int_eq(types[2], REDIS_REPLY_ARRAY);
    ck_assert_int_eq(types[3], REDIS_REPLY_ERROR);
    resp_free(resp);
}
END_TEST

START_TEST(resp_refuses_malformed_replies)
{
    static const char *const texts[] = {
        "HTTP/1.1 200 OK\r\n",
        "$-7\r\n",
        "$x\r\n",
        "*-7\r\n",
        ":12a\r\n",
        "*1000000\r\n",
        "*2147483647\r\n",
        "*17000\r\n",
        "\r\n",
        "*1\r\n*17000\r\n",
        "*16384\r\n*1\r\n",
    };
    redisReply *reply;
    size_t i;

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct resp *resp = resp_create();
        ck_assert_msg(feed_text(resp, texts[i], &reply) == RESP_BROKEN, "%s",
                      texts[i]);
        ck_assert(strlen(resp_cause(resp)) > 0);
        resp_free(resp);
    }
}
END_TEST

START_TEST(resp_refuses_deep_nesting)
{
    struct resp *resp = resp_create();
    redisReply *reply;
    enum resp_code code = RESP_MORE;
    int i;

    for (i = 0; i < 1000 && code == RESP_MORE; i++) {
        code = feed_text(resp, "*1\r\n", &reply);
    }
    ck_assert_int_eq(code, RESP_BROKEN);
    ck_assert_int_lt(i, 20);
    resp_free(resp);
}
END_TEST

/* Whatever length it announces, at most 1 MiB is waited for. */
START_TEST(resp_gives_a_huge_string_up)
{
    static char junk[16384];
    struct resp *resp = resp_create();
    redisReply *reply;
    enum resp_code code = feed_text(resp, "$2147483647\r\n", &reply);
    size_t sent = 0;

    while (code == RESP_MORE) {
        code = feed(resp, junk, sizeof(junk), &reply);
        sent += sizeof(junk);
        ck_assert_uint_le(sent, RESP_REPLY_SIZE_MAX);
    }
    ck_assert_int_eq(code, RESP_BROKEN);
    ck_assert_str_eq(resp_cause(resp), "a reply that is too large");
    resp_free(resp);
}
END_TEST

/* An array whose elements are each small enough, but not together. */
START_TEST(resp_gives_many_large_elements_up)
{
    static char junk[40000];
    struct resp *resp = resp_create();
    redisReply *reply;
    enum resp_code code = feed_text(resp, "*1000\r\n", &reply);
    size_t sent = 0;

    memset(junk, 'x', sizeof(junk));
    while (code == RESP_MORE) {
        ck_assert_int_eq(resp_feed(resp, "$40000\r\n", 8), 0);
        ck_assert_int_eq(resp_feed(resp, junk, sizeof(junk)), 0);
        code = feed_text(resp, "\r\n", &reply);
        sent += sizeof(junk);
        ck_assert_uint_le(sent, RESP_REPLY_SIZE_MAX);
    }
    ck_assert_int_eq(code, RESP_BROKEN);
    resp_free(resp);
}
END_TEST

/* What counts is one reply, not the connection's whole life. */
START_TEST(resp_counts_each_reply_anew)
{
    static char junk[40000];
    struct resp *resp = resp_create();
    redisReply *reply;
    int i;

    for (i = 0; i < 100; i++) {
        ck_assert_int_eq(resp_feed(resp, "*1\r\n$40000\r\n", 12), 0);
        ck_assert_int_eq(resp_feed(resp, junk, sizeof(junk)), 0);
        ck_assert_int_eq(feed_text(resp, "\r\n", &reply), RESP_REPLY);
        freeReplyObject(reply);
    }
    resp_free(resp);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("resp");
    TCase *all = tcase_create("resp");

    tcase_add_test(all, resp_reads_replies_in_any_pieces);
    tcase_add_test(all, resp_refuses_malformed_replies);
    tcase_add_test(all, resp_refuses_deep_nesting);
    tcase_add_test(all, resp_gives_a_huge_string_up);
    tcase_add_test(all, resp_gives_many_large_elements_up);
    tcase_add_test(all, resp_counts_each_reply_anew);
    suite_add_tcase(suite, all);
    return suite_run(suite);
}
