/* SPDX-License-Identifier: Apache-2.0
 * Certificate, key and authorities of the clients, read again when the files
 * change: whoever renews them only has to put them in their place. */
#include "engine/wire/tls.h"

#include "base/blocking.h"
#include "engine/log.h"
#include "engine/secret_file.h"

#include <assert.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define KEY_SIZE_MAX ((size_t)64 << 10)
#define FILES_COUNT  3
#define CIPHERS      "ECDHE+AESGCM:ECDHE+CHACHA20"

/* Tells one content of a file from the next. */
struct file_mark {
    struct timespec changed;
    ino_t inode;
    off_t size;
};

struct tls {
    const struct wire_tls *options;
    pthread_mutex_t lock; /* guards context */
    SSL_CTX *context;
    struct file_mark marks[FILES_COUNT];
    uint64_t read_ms; /* when the files were read; 0: not looked yet */
    atomic_bool wants_reload;
    struct executor_task task; /* of who looks: only he uses the above */
    uint64_t now_ms;
    atomic_bool is_looking;
};

static void
marks_take(const struct wire_tls *options, struct file_mark *ret_marks)
{
    const char *const paths[FILES_COUNT] = { options->cert, options->key,
                                             options->ca_cert };
    memset(ret_marks, 0, FILES_COUNT * sizeof(*ret_marks));
    for (int i = 0; i < FILES_COUNT; i++) {
        struct stat info;
        if (stat(paths[i], &info) != 0)
            continue;
        ret_marks[i].changed = info.st_mtim;
        ret_marks[i].inode = info.st_ino;
        ret_marks[i].size = info.st_size;
    }
}

/* What OpenSSL says of the last failure, for people. */
static enum engine_code
refuse(struct error *reterr, const char *key, const char *path)
{
    /* The first one is nearest to the cause where that is the system's. */
    unsigned long first = ERR_peek_error();
    const char *why = ERR_SYSTEM_ERROR(first)
                          ? strerror(ERR_GET_REASON(first))
                          : ERR_reason_error_string(ERR_peek_last_error());
    error_set(reterr, ENGINE_EINPUT, "%s %s: %s", key, path,
              why != NULL ? why : "cannot be used");
    ERR_clear_error();
    return ENGINE_EINPUT;
}

/* Nobody is there to type it. */
static int
no_password(char *text, int size, int is_writing, void *ctx)
{
    (void)text;
    (void)size;
    (void)is_writing;
    (void)ctx;
    return -1;
}

static enum engine_code
key_use(SSL_CTX *context, const char *path, struct error *reterr)
{
    const struct secret_file file = { "tls.key", path, true };
    char *text = malloc(KEY_SIZE_MAX);
    size_t size = 0;
    if (text == NULL)
        return error_memory(reterr);
    enum engine_code code =
        secret_file_read(&file, text, KEY_SIZE_MAX, &size, reterr);
    if (code == ENGINE_OK) {
        BIO *bio = BIO_new_mem_buf(text, (int)size);
        EVP_PKEY *key =
            bio == NULL ? NULL
                        : PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
        if (key == NULL || SSL_CTX_use_PrivateKey(context, key) != 1)
            code = refuse(reterr, "tls.key", path);
        EVP_PKEY_free(key);
        BIO_free(bio);
    }
    OPENSSL_cleanse(text, KEY_SIZE_MAX);
    free(text);
    return code;
}

static enum engine_code
files_use(SSL_CTX *context, const struct wire_tls *options,
          struct error *reterr)
{
    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(context, options->cert) != 1)
        return refuse(reterr, "tls.cert", options->cert);
    enum engine_code code = key_use(context, options->key, reterr);
    if (code != ENGINE_OK)
        return code;
    if (SSL_CTX_check_private_key(context) != 1)
        return refuse(reterr, "tls.key", options->key);
    if (!options->verifies_clients)
        return ENGINE_OK;
    STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(options->ca_cert);
    if (names == NULL ||
        SSL_CTX_load_verify_locations(context, options->ca_cert, NULL) != 1) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        return refuse(reterr, "tls.ca_cert", options->ca_cert);
    }
    SSL_CTX_set_client_CA_list(context, names);
    SSL_CTX_set_verify(context,
                       SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    return ENGINE_OK;
}

/* RFC 7301: what we speak on this port, or nothing. A client that names no
 * protocol is served as it is. */
static int
on_alpn(SSL *session, const unsigned char **ret_name, unsigned char *ret_size,
        const unsigned char *names, unsigned size, void *ctx)
{
    static const unsigned char http2[] = "\2h2", http1[] = "\10http/1.1";
    bool is_http2 = SSL_get_app_data(session) != NULL;
    unsigned char *found = NULL;
    (void)ctx;
    if (SSL_select_next_proto(&found, ret_size, is_http2 ? http2 : http1,
                              is_http2 ? sizeof(http2) - 1 : sizeof(http1) - 1,
                              names, size) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *ret_name = found;
    return SSL_TLSEXT_ERR_OK;
}

static enum engine_code
context_new(const struct wire_tls *options, SSL_CTX **ret_context,
            struct error *reterr)
{
    static const unsigned char id[] = "azimuth";
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    if (context == NULL || SSL_CTX_set_cipher_list(context, CIPHERS) != 1 ||
        SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_session_id_context(context, id, sizeof(id) - 1) != 1) {
        SSL_CTX_free(context);
        return error_memory(reterr);
    }
    /* The end of a request is told by HTTP, not by the end of the bytes: a
     * client that leaves without a goodbye cuts nothing short unseen. */
    SSL_CTX_set_options(
        context, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                     SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS |
                                  SSL_MODE_ENABLE_PARTIAL_WRITE |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_alpn_select_cb(context, on_alpn, NULL);
    enum engine_code code = files_use(context, options, reterr);
    if (code == ENGINE_OK)
        *ret_context = context;
    else
        SSL_CTX_free(context);
    return code;
}

enum engine_code
tls_open(const struct wire_tls *options, struct tls **ret_tls,
         struct error *reterr)
{
    struct tls *tls = calloc(1, sizeof(*tls));
    if (tls == NULL)
        return error_memory(reterr);
    assert(options->cert != NULL && options->key != NULL &&
           options->ca_cert != NULL);
    tls->options = options;
    marks_take(options, tls->marks);
    enum engine_code code = context_new(options, &tls->context, reterr);
    if (code != ENGINE_OK) {
        free(tls);
        return code;
    }
    pthread_mutex_init(&tls->lock, NULL);
    *ret_tls = tls;
    return ENGINE_OK;
}

void
tls_close(struct tls *tls)
{
    if (tls == NULL)
        return;
    SSL_CTX_free(tls->context);
    pthread_mutex_destroy(&tls->lock);
    free(tls);
}

enum engine_code
wire_tls_check(const struct wire_tls *options, struct error *reterr)
{
    struct tls *tls = NULL;
    enum engine_code code = tls_open(options, &tls, reterr);
    tls_close(tls);
    return code;
}

SSL *
tls_session(struct tls *tls, bool is_http2)
{
    pthread_mutex_lock(&tls->lock);
    SSL *session = SSL_new(tls->context);
    pthread_mutex_unlock(&tls->lock);
    if (session == NULL)
        return NULL;
    SSL_set_app_data(session, is_http2 ? tls : NULL);
    SSL_set_accept_state(session);
    return session;
}

void
tls_reload(struct tls *tls)
{
    if (tls != NULL)
        atomic_store(&tls->wants_reload, true);
}

static void
files_look(struct tls *tls, uint64_t now_ms)
{
    struct file_mark marks[FILES_COUNT];
    struct error error = { .text = "" };
    SSL_CTX *context = NULL, *old = NULL;
    uint64_t ttl_ms = tls->options->ttl_s * 1000;
    if (tls->read_ms == 0)
        tls->read_ms = now_ms;
    marks_take(tls->options, marks);
    bool is_over = ttl_ms > 0 && now_ms - tls->read_ms >= ttl_ms;
    bool is_other = memcmp(marks, tls->marks, sizeof(marks)) != 0;
    if (!atomic_exchange(&tls->wants_reload, false) && !is_over && !is_other)
        return;
    /* Also when it fails: it is tried again when a file changes once more. */
    memcpy(tls->marks, marks, sizeof(marks));
    tls->read_ms = now_ms;
    if (context_new(tls->options, &context, &error) != ENGINE_OK) {
        log_event(LOG_LEVEL_ERROR,
                  "TLS goes on with the certificate it has: %s", error.text);
        return;
    }
    pthread_mutex_lock(&tls->lock);
    old = tls->context;
    tls->context = context;
    pthread_mutex_unlock(&tls->lock);
    SSL_CTX_free(old);
    log_event(LOG_LEVEL_INFO, "TLS: %s was read again", tls->options->cert);
}

static void
task_run(struct executor_task *task)
{
    struct tls *tls =
        (struct tls *)(void *)((char *)task - offsetof(struct tls, task));
    blocking_begin();
    files_look(tls, tls->now_ms);
    blocking_end();
    atomic_store(&tls->is_looking, false);
}

void
tls_look(struct tls *tls, struct executor *executor, uint64_t now_ms)
{
    if (atomic_exchange(&tls->is_looking, true))
        return;
    tls->now_ms = now_ms;
    tls->task.run = task_run;
    if (!executor_submit(executor, &tls->task))
        atomic_store(&tls->is_looking, false); /* all are busy: next time */
}
