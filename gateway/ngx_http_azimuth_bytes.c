/* SPDX-License-Identifier: Apache-2.0 */
/* Between nginx's strings and pools and the spans of oauth/; and the one
 * place that logs why a flow went wrong. A cause never holds a secret, and the
 * request line that nginx appends was cut by identity.c where it could hold a
 * code. */

#include "gateway/ngx_http_azimuth_module.h"

#include <openssl/evp.h>

#include <assert.h>

struct span
ngx_http_azimuth_span(ngx_str_t text)
{
    struct span span = { (const char *)text.data, text.len };

    return span;
}

ngx_int_t
ngx_http_azimuth_copy(ngx_pool_t *pool, struct span span, ngx_str_t *ret_text)
{
    ngx_str_t text;

    text.len = span.size;
    text.data = ngx_pnalloc(pool, span.size + 1);
    if (text.data == NULL) {
        return NGX_ERROR;
    }
    if (span.size > 0) {
        ngx_memcpy(text.data, span.data, span.size);
    }
    text.data[text.len] = '\0';
    *ret_text = text;
    return NGX_OK;
}

struct span
ngx_http_azimuth_header_text(ngx_http_request_t *r, const char *lowcase_name)
{
    ngx_table_elt_t *header = ngx_http_azimuth_header_in(r, lowcase_name);

    if (header == NULL) {
        return (struct span){ NULL, 0 };
    }
    return header->value.data == NULL ? (struct span){ "", 0 }
                                      : ngx_http_azimuth_span(header->value);
}

/* Who has to look: us or the peers, somebody who plays tricks, nobody. */
static ngx_uint_t
bytes_level(const struct error *cause)
{
    int status = error_http_status(cause->code);

    if (status >= 500) {
        return NGX_LOG_ERR;
    }
    if (status == 401 || cause->code == OAUTH_EFORBIDDEN ||
        cause->code == OAUTH_ESCOPE) {
        return NGX_LOG_INFO;
    }
    return NGX_LOG_WARN;
}

void
ngx_http_azimuth_log_to(ngx_log_t *log, const char *outcome,
                        const struct error *cause)
{
    const char *name = error_name(cause->code);

    if (ngx_strcmp(outcome, name) == 0) {
        ngx_log_error(bytes_level(cause), log, 0, "azimuth: %s: %s", name,
                      cause->text);
    } else {
        ngx_log_error(bytes_level(cause), log, 0, "azimuth: %s: %s: %s",
                      outcome, name, cause->text);
    }
}

void
ngx_http_azimuth_log(ngx_http_request_t *r, const char *outcome,
                     const struct error *cause)
{
    ngx_http_azimuth_log_to(r->connection->log, outcome, cause);
}

static void
bytes_digest_free(void *data)
{
    ngx_http_azimuth_main_conf_t *mcf = data;

    EVP_MD_CTX_free(mcf->digest_context);
    EVP_MD_free(mcf->digest);
}

ngx_int_t
ngx_http_azimuth_digest_init(ngx_conf_t *cf, ngx_http_azimuth_main_conf_t *mcf)
{
    ngx_pool_cleanup_t *cleanup = ngx_pool_cleanup_add(cf->pool, 0);

    if (cleanup == NULL) {
        return NGX_ERROR;
    }
    cleanup->handler = bytes_digest_free;
    cleanup->data = mcf;
    mcf->digest = EVP_MD_fetch(NULL, "SHA256", NULL);
    mcf->digest_context = EVP_MD_CTX_new();
    return mcf->digest != NULL && mcf->digest_context != NULL ? NGX_OK
                                                              : NGX_ERROR;
}

ngx_int_t
ngx_http_azimuth_digest(ngx_http_azimuth_main_conf_t *mcf,
                        const struct span *parts, size_t count,
                        u_char ret_digest[AZIMUTH_DIGEST_SIZE])
{
    EVP_MD_CTX *context = mcf->digest_context;
    unsigned int size = 0;
    uint64_t length;
    size_t i;
    int is_ok;

    is_ok = EVP_DigestInit_ex2(context, mcf->digest, NULL);
    for (i = 0; is_ok && i < count; i++) {
        length = parts[i].size;
        is_ok = EVP_DigestUpdate(context, &length, sizeof(length)) &&
                EVP_DigestUpdate(context, parts[i].data, parts[i].size);
    }
    is_ok = is_ok && EVP_DigestFinal_ex(context, ret_digest, &size);
    assert(!is_ok || size == AZIMUTH_DIGEST_SIZE);
    return is_ok ? NGX_OK : NGX_ERROR;
}
