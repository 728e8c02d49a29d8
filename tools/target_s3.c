/* SPDX-License-Identifier: Apache-2.0
 * A bucket as target, by libcurl's AWS_SIGV4. The bucket stands in the path
 * (every S3 server knows that form). libcurl signs what we give it: the path
 * and the query are encoded here as the signature needs them (RFC 3986), the
 * query's names ascend, and the hash of the body is our header. */
#include <config.h>

#include "tools/sha256.h"
#include "tools/target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define URL_SIZE      6144
#define ENDPOINT_SIZE 512
#define BUCKET_SIZE   256
#define PREFIX_SIZE   512
#define HASH_SIZE     96 /* the header with 64 digits */
#define XML_SIZE_MAX  ((size_t)4 << 20)

struct target_s3 {
    struct target target;
    struct http *http;
    char endpoint[ENDPOINT_SIZE];
    char bucket[BUCKET_SIZE];
    char prefix[PREFIX_SIZE]; /* empty, or with a slash at its end */
    char sigv4[128];
    char user_key[1024];
    char encryption[128]; /* a header, or empty */
};

struct call {
    const char *method;
    const char *key;
    const char *query; /* encoded, with its question mark; or "" */
    struct span body;
    const char *header; /* or NULL */
};

static void
encode(const char *text, bool keeps_slash, struct bytes *out)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRS"
                                "TUVWXYZ0123456789-_.~";
    for (; *text != '\0'; text++) {
        if (strchr(plain, *text) != NULL || (keeps_slash && *text == '/'))
            bytes_add_char(out, *text);
        else
            bytes_addf(out, "%%%02X", (unsigned)(unsigned char)*text);
    }
}

static void
hash_header(struct span body, char ret_header[HASH_SIZE])
{
    char text[SHA256_TEXT_SIZE];
    struct sha256 sha;
    sha256_start(&sha);
    sha256_add(&sha, body);
    sha256_end(&sha, text);
    snprintf(ret_header, HASH_SIZE, "x-amz-content-sha256: %s", text);
}

/* The text between the first <tag> and </tag>. */
static bool
xml_text(struct span xml, const char *tag, char *ret_text, size_t size)
{
    char open[64], close[64];
    snprintf(open, sizeof(open), "<%s>", tag);
    snprintf(close, sizeof(close), "</%s>", tag);
    const char *start =
        xml.size == 0 ? NULL : memmem(xml.data, xml.size, open, strlen(open));
    if (start == NULL)
        return false;
    start += strlen(open);
    const char *end = memmem(start, xml.size - (size_t)(start - xml.data),
                             close, strlen(close));
    if (end == NULL || (size_t)(end - start) >= size)
        return false;
    snprintf(ret_text, size, "%.*s", (int)(end - start), start);
    return true;
}

static bool
refusal(const struct target_s3 *s3, const struct call *call,
        const struct http_reply *reply, struct fault *reterr)
{
    char code[128] = "", message[256] = "";
    xml_text(bytes_span(&reply->body), "Code", code, sizeof(code));
    xml_text(bytes_span(&reply->body), "Message", message, sizeof(message));
    const char *advice = "";
    if (reply->status == 403)
        advice = "; look at AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, "
                 "AWS_REGION and the bucket's policy";
    if (strcmp(code, "NoSuchBucket") == 0)
        advice = "; create the bucket first";
    return fault_set(reterr, "%s s3://%s/%s%.200s: HTTP %ld %s %s%s",
                     call->method, s3->bucket, s3->prefix, call->key,
                     reply->status, code, message, advice);
}

static bool
perform(struct target_s3 *s3, const struct call *call, struct http_reply *reply,
        struct fault *reterr)
{
    struct bytes url;
    char hash[HASH_SIZE];
    bytes_init(&url, URL_SIZE);
    bytes_addf(&url, "%s/%s/", s3->endpoint, s3->bucket);
    encode(s3->prefix, true, &url);
    encode(call->key, true, &url);
    bytes_add_text(&url, call->query);
    if (bytes_failed(&url)) {
        bytes_release(&url);
        return fault_set(reterr, "the key %.100s is too long", call->key);
    }
    hash_header(call->body, hash);
    struct http_request request = {
        .method = call->method,
        .url = url.data,
        .body = call->body,
        .headers = { hash, "Content-Type: application/octet-stream",
                     call->header },
    };
    bool is_done = http_perform(s3->http, &request, reply, reterr);
    if (is_done && reply->status / 100 != 2)
        is_done = refusal(s3, call, reply, reterr);
    bytes_release(&url);
    return is_done;
}

/* A call whose answer is small. */
static bool
perform_small(struct target_s3 *s3, const struct call *call,
              struct fault *reterr)
{
    struct http_reply reply;
    http_reply_init(&reply, XML_SIZE_MAX);
    bool is_done = perform(s3, call, &reply, reterr);
    http_reply_release(&reply);
    return is_done;
}

static const char *
encryption_of(const struct target_s3 *s3)
{
    return s3->encryption[0] != '\0' ? s3->encryption : NULL;
}

static bool
on_begin(struct target *target, struct target_upload *upload,
         struct fault *reterr)
{
    struct target_s3 *s3 = (struct target_s3 *)target;
    struct http_reply reply;
    struct call call = {
        "POST", upload->key, "?uploads=", { NULL, 0 }, encryption_of(s3)
    };
    http_reply_init(&reply, XML_SIZE_MAX);
    bool is_done = perform(s3, &call, &reply, reterr);
    if (is_done && !xml_text(bytes_span(&reply.body), "UploadId", upload->id,
                             sizeof(upload->id)))
        is_done = fault_set(reterr, "the S3 server gave no UploadId for %s",
                            upload->key);
    http_reply_release(&reply);
    return is_done;
}

static bool
upload_query(const struct target_upload *upload, unsigned number,
             struct bytes *query, struct fault *reterr)
{
    bytes_init(query, 4 * TARGET_ID_SIZE);
    bytes_add_char(query, '?');
    if (number > 0)
        bytes_addf(query, "partNumber=%u&", number);
    bytes_add_text(query, "uploadId=");
    encode(upload->id, false, query);
    return !bytes_failed(query) || fault_set(reterr, "out of memory");
}

static bool
on_part(struct target *target, struct target_upload *upload, unsigned number,
        struct span data, char ret_etag[TARGET_ETAG_SIZE], struct fault *reterr)
{
    struct http_reply reply;
    struct bytes query;
    http_reply_init(&reply, XML_SIZE_MAX);
    bool is_done = upload_query(upload, number, &query, reterr);
    if (is_done) {
        struct call call = { "PUT", upload->key, query.data, data, NULL };
        is_done = perform((struct target_s3 *)target, &call, &reply, reterr);
    }
    if (is_done && reply.etag[0] == '\0')
        is_done = fault_set(reterr, "the S3 server gave no ETag for a part");
    snprintf(ret_etag, TARGET_ETAG_SIZE, "%.*s", TARGET_ETAG_SIZE - 1,
             reply.etag);
    bytes_release(&query);
    http_reply_release(&reply);
    return is_done;
}

/* The answer may be 200 and still an error, in its body. */
static bool
on_finish(struct target *target, struct target_upload *upload,
          char (*etags)[TARGET_ETAG_SIZE], unsigned count, struct fault *reterr)
{
    struct http_reply reply;
    struct bytes query, body;
    char code[128];
    bytes_init(&body, XML_SIZE_MAX);
    http_reply_init(&reply, XML_SIZE_MAX);
    bytes_add_text(&body, "<CompleteMultipartUpload>");
    for (unsigned i = 0; i < count; i++)
        bytes_addf(&body,
                   "<Part><PartNumber>%u</PartNumber><ETag>%s</ETag></Part>",
                   i + 1, etags[i]);
    bytes_add_text(&body, "</CompleteMultipartUpload>");
    bool is_done = upload_query(upload, 0, &query, reterr) &&
                   (!bytes_failed(&body) || fault_set(reterr, "out of memory"));
    if (is_done) {
        struct call call = { "POST", upload->key, query.data, bytes_span(&body),
                             NULL };
        is_done = perform((struct target_s3 *)target, &call, &reply, reterr);
        if (is_done &&
            xml_text(bytes_span(&reply.body), "Code", code, sizeof(code)))
            is_done =
                refusal((struct target_s3 *)target, &call, &reply, reterr);
    }
    bytes_release(&query);
    bytes_release(&body);
    http_reply_release(&reply);
    return is_done;
}

static bool
on_abandon(struct target *target, struct target_upload *upload,
           struct fault *reterr)
{
    struct bytes query;
    bool is_done = upload_query(upload, 0, &query, reterr);
    if (is_done) {
        struct call call = {
            "DELETE", upload->key, query.data, { NULL, 0 }, NULL
        };
        is_done = perform_small((struct target_s3 *)target, &call, reterr);
    }
    bytes_release(&query);
    return is_done;
}

static bool
on_put(struct target *target, const char *key, struct span text,
       struct fault *reterr)
{
    struct target_s3 *s3 = (struct target_s3 *)target;
    struct call call = { "PUT", key, "", text, encryption_of(s3) };
    return perform_small(s3, &call, reterr);
}

static bool
on_get(struct target *target, const char *key, struct http_reply *reply,
       struct fault *reterr)
{
    struct call call = { "GET", key, "", { NULL, 0 }, NULL };
    return perform((struct target_s3 *)target, &call, reply, reterr);
}

static bool
on_remove(struct target *target, const char *key, struct fault *reterr)
{
    struct call call = { "DELETE", key, "", { NULL, 0 }, NULL };
    return perform_small((struct target_s3 *)target, &call, reterr);
}

static void
on_close(struct target *target)
{
    struct target_s3 *s3 = (struct target_s3 *)target;
    http_free(s3->http);
    explicit_bzero(s3->user_key, sizeof(s3->user_key));
    free(s3);
}

static const struct target_kind kind = {
    .begin = on_begin,
    .part = on_part,
    .finish = on_finish,
    .abandon = on_abandon,
    .put = on_put,
    .get = on_get,
    .remove = on_remove,
    .close = on_close,
};

static const char *
variable(const char *name, const char *other)
{
    const char *value = getenv(name);
    if ((value == NULL || *value == '\0') && other != NULL)
        value = getenv(other);
    return value != NULL && *value != '\0' ? value : NULL;
}

/* s3://BUCKET/PREFIX */
static bool
parse_url(struct target_s3 *s3, const char *url, struct fault *reterr)
{
    const char *bucket = url + strlen("s3://");
    const char *prefix = strchr(bucket, '/');
    size_t size = prefix == NULL ? strlen(bucket) : (size_t)(prefix - bucket);
    if (size == 0 || size >= sizeof(s3->bucket) ||
        strspn(bucket, "abcdefghijklmnopqrstuvwxyz0123456789.-") < size)
        return fault_usage(reterr, "%s names no bucket (a-z, 0-9, . and -)",
                           url);
    snprintf(s3->bucket, sizeof(s3->bucket), "%.*s", (int)size, bucket);
    while (prefix != NULL && *prefix == '/')
        prefix++;
    if (prefix == NULL || *prefix == '\0')
        return true;
    size = strlen(prefix);
    while (size > 0 && prefix[size - 1] == '/')
        size--;
    if (size + 2 > sizeof(s3->prefix))
        return fault_usage(reterr, "the prefix is too long");
    snprintf(s3->prefix, sizeof(s3->prefix), "%.*s/", (int)size, prefix);
    return true;
}

static bool
configure(struct target_s3 *s3, const struct target_options *options,
          struct fault *reterr)
{
    const char *id = variable("AWS_ACCESS_KEY_ID", NULL);
    const char *secret = variable("AWS_SECRET_ACCESS_KEY", NULL);
    const char *region = variable("AWS_REGION", "AWS_DEFAULT_REGION");
    const char *endpoint = variable("AWS_ENDPOINT_URL", NULL);
    if (id == NULL || secret == NULL)
        return fault_set(reterr, "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY "
                                 "must be in the environment");
    if (region == NULL)
        region = "us-east-1";
    int key = snprintf(s3->user_key, sizeof(s3->user_key), "%s:%s", id, secret);
    int sign = snprintf(s3->sigv4, sizeof(s3->sigv4), "aws:amz:%s:s3", region);
    int at = endpoint != NULL
                 ? snprintf(s3->endpoint, sizeof(s3->endpoint), "%s", endpoint)
                 : snprintf(s3->endpoint, sizeof(s3->endpoint),
                            "https://s3.%s.amazonaws.com", region);
    int head =
        options->encryption == NULL
            ? 0
            : snprintf(s3->encryption, sizeof(s3->encryption),
                       "x-amz-server-side-encryption: %s", options->encryption);
    if ((size_t)key >= sizeof(s3->user_key) ||
        (size_t)sign >= sizeof(s3->sigv4) ||
        (size_t)at >= sizeof(s3->endpoint) ||
        (size_t)head >= sizeof(s3->encryption))
        return fault_usage(reterr, "a value of AWS_... or --encryption is too "
                                   "long");
    while (at > 0 && s3->endpoint[at - 1] == '/')
        s3->endpoint[--at] = '\0';
    return true;
}

/* With keys that a service gave for some hours. */
static bool
sign_in(struct target_s3 *s3, struct fault *reterr)
{
    const char *token = variable("AWS_SESSION_TOKEN", NULL);
    return token == NULL ||
           http_set_secret(s3->http, "x-amz-security-token: ", token, reterr);
}

struct target *
target_s3_open(const struct target_options *options, struct fault *reterr)
{
    struct target_s3 *s3 = calloc(1, sizeof(*s3));
    if (s3 == NULL) {
        fault_set(reterr, "out of memory");
        return NULL;
    }
    s3->target.kind = &kind;
    s3->target.keeps_parts = true;
    if (parse_url(s3, options->url, reterr) && configure(s3, options, reterr)) {
        struct http_options http = { .ca_file = options->ca_file,
                                     .timeout_s = options->timeout_s,
                                     .user_key = s3->user_key,
                                     .sigv4 = s3->sigv4 };
        s3->http = http_new(&http);
        if (s3->http != NULL && sign_in(s3, reterr))
            return &s3->target;
        if (s3->http == NULL)
            fault_set(reterr, "out of memory");
    }
    on_close(&s3->target);
    return NULL;
}
