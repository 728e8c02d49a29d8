/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets, read from files when the configuration is read: by the master
 * process, which may be root, so that workers need no right to them. A private
 * file is a regular one without any permission for group and others. Buffers
 * are wiped once the secret is where it belongs. */

#include "gateway/ngx_http_azimuth_conf.h"

#include <openssl/evp.h>

#include <assert.h>

#define SECRET_FILE_SIZE_MAX ((off_t)4096)
#define SECRET_KEY_SIZE_MAX  ((off_t)16 << 10)
#define SECRET_PEM_SIZE_MAX  ((off_t)1 << 20)
#define SECRET_HEX_SIZE      (2 * SEAL_SECRET_SIZE_MIN)

static_assert(ASSERTION_KEY_SIZE == SEAL_SECRET_SIZE_MIN,
              "both kinds of keys are written alike");

typedef struct {
    off_t size_max;
    unsigned is_private : 1;
} secret_rule_t;

static const char *
secret_complaint(const ngx_file_info_t *info, const secret_rule_t *rule)
{
    if (!S_ISREG(info->st_mode)) {
        return "is no regular file";
    }
    if (rule->is_private && (info->st_mode & 077) != 0) {
        return "can be read by others: chmod 600";
    }
    if (info->st_size > rule->size_max) {
        return "is too large";
    }
    return NULL;
}

/* The file's content, NUL-terminated, in `pool`. */
static ngx_int_t
secret_read(ngx_conf_t *cf, ngx_str_t *name, const secret_rule_t *rule,
            ngx_str_t *ret_text)
{
    ngx_str_t file = *name, text;
    ngx_file_info_t info;
    const char *complaint;
    ngx_err_t failure = 0;
    ssize_t size;
    ngx_fd_t fd;

    if (ngx_conf_full_name(cf->cycle, &file, 1) != NGX_OK) {
        return NGX_ERROR;
    }
    fd =
        ngx_open_file(file.data, NGX_FILE_RDONLY | O_CLOEXEC, NGX_FILE_OPEN, 0);
    if (fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno, "cannot open \"%V\"",
                           &file);
        return NGX_ERROR;
    }
    text.data = NULL;
    text.len = 0;
    if (ngx_fd_info(fd, &info) == NGX_FILE_ERROR) {
        failure = ngx_errno;
        complaint = "cannot be examined";
    } else {
        complaint = secret_complaint(&info, rule);
    }
    if (complaint == NULL) {
        text.data = ngx_pnalloc(cf->pool, (size_t)info.st_size + 1);
        size = text.data == NULL
                   ? -1
                   : ngx_read_fd(fd, text.data, (size_t)info.st_size);
        if (size < 0) {
            failure = ngx_errno;
            complaint = "cannot be read";
        } else {
            text.len = (size_t)size;
            text.data[text.len] = '\0';
        }
    }
    (void)ngx_close_file(fd);
    if (complaint != NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, failure, "\"%V\" %s", &file,
                           complaint);
        return NGX_ERROR;
    }
    *ret_text = text;
    return NGX_OK;
}

/* Cuts the next line off `text`, without its end; 0 when there is none. */
static int
secret_next_line(ngx_str_t *text, ngx_str_t *ret_line)
{
    u_char *end;

    if (text->len == 0) {
        return 0;
    }
    end = ngx_strlchr(text->data, text->data + text->len, '\n');
    ret_line->data = text->data;
    ret_line->len = end == NULL ? text->len : (size_t)(end - text->data);
    text->data += ret_line->len;
    text->len -= ret_line->len;
    if (end != NULL) {
        text->data++;
        text->len--;
    }
    while (ret_line->len > 0 && (ret_line->data[ret_line->len - 1] == '\r' ||
                                 ret_line->data[ret_line->len - 1] == ' ')) {
        ret_line->len--;
    }
    return 1;
}

ngx_int_t
ngx_http_azimuth_secret_line(ngx_conf_t *cf, ngx_str_t *file,
                             ngx_str_t *ret_line)
{
    static const secret_rule_t rule = { SECRET_FILE_SIZE_MAX, 1 };
    ngx_str_t text, line;

    if (secret_read(cf, file, &rule, &text) != NGX_OK) {
        return NGX_ERROR;
    }
    if (!secret_next_line(&text, &line) || line.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" has no secret in its first line", file);
        return NGX_ERROR;
    }
    line.data[line.len] = '\0';
    *ret_line = line;
    return NGX_OK;
}

ngx_int_t
ngx_http_azimuth_secret_text(ngx_conf_t *cf, ngx_str_t *file,
                             ngx_str_t *ret_text)
{
    static const secret_rule_t rule = { SECRET_KEY_SIZE_MAX, 1 };

    return secret_read(cf, file, &rule, ret_text);
}

ngx_int_t
ngx_http_azimuth_secret_public(ngx_conf_t *cf, ngx_str_t *file,
                               ngx_str_t *ret_text)
{
    static const secret_rule_t rule = { SECRET_PEM_SIZE_MAX, 0 };

    return secret_read(cf, file, &rule, ret_text);
}

/* 64 hexadecimal digits to 32 bytes. */
static ngx_int_t
secret_unhex(const ngx_str_t *line, u_char *ret_key)
{
    ngx_int_t byte;
    size_t i;

    if (line->len != SECRET_HEX_SIZE) {
        return NGX_ERROR;
    }
    for (i = 0; i < SEAL_SECRET_SIZE_MIN; i++) {
        byte = ngx_hextoi(line->data + 2 * i, 2);
        if (byte == NGX_ERROR) {
            return NGX_ERROR;
        }
        ret_key[i] = (u_char)byte;
    }
    return NGX_OK;
}

/* All keys of a file; wipe them after use. */
static ngx_int_t
secret_keys(ngx_conf_t *cf, ngx_str_t *file,
            u_char keys[SEAL_SECRET_COUNT_MAX][SEAL_SECRET_SIZE_MIN],
            size_t *ret_count)
{
    static const secret_rule_t rule = { SECRET_FILE_SIZE_MAX, 1 };
    ngx_str_t text, rest, line;
    const char *complaint = NULL;
    ngx_uint_t number = 0;
    size_t count = 0;

    if (secret_read(cf, file, &rule, &text) != NGX_OK) {
        return NGX_ERROR;
    }
    rest = text;
    while (complaint == NULL && secret_next_line(&rest, &line)) {
        number++;
        if (line.len == 0 || line.data[0] == '#') {
            continue;
        }
        if (count == SEAL_SECRET_COUNT_MAX) {
            complaint = "too many keys";
        } else if (secret_unhex(&line, keys[count]) != NGX_OK) {
            complaint = "not 64 hexadecimal digits (openssl rand -hex 32)";
        } else {
            count++;
        }
    }
    ngx_explicit_memzero(text.data, text.len);
    if (complaint != NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" line %ui: %s", file,
                           number, complaint);
        return NGX_ERROR;
    }
    *ret_count = count;
    return NGX_OK;
}

static void
secret_ring_free(void *data)
{
    seal_ring_free(data);
}

ngx_int_t
ngx_http_azimuth_secret_ring(ngx_conf_t *cf, ngx_str_t *file,
                             ngx_http_azimuth_main_conf_t *mcf)
{
    u_char keys[SEAL_SECRET_COUNT_MAX][SEAL_SECRET_SIZE_MIN];
    struct span spans[SEAL_SECRET_COUNT_MAX];
    struct error error = { OAUTH_OK, "" };
    ngx_pool_cleanup_t *cleanup = ngx_pool_cleanup_add(cf->pool, 0);
    ngx_int_t rc = NGX_ERROR;
    size_t count = 0, i;

    if (cleanup == NULL) {
        return NGX_ERROR;
    }
    if (secret_keys(cf, file, keys, &count) == NGX_OK) {
        for (i = 0; i < count; i++) {
            spans[i].data = (const char *)keys[i];
            spans[i].size = SEAL_SECRET_SIZE_MIN;
        }
        if (seal_ring_create(spans, count, &mcf->ring, &error) == OAUTH_OK) {
            cleanup->handler = secret_ring_free;
            cleanup->data = mcf->ring;
            rc = NGX_OK;
        } else {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\": %s", file,
                               error.text);
        }
    }
    ngx_explicit_memzero(keys, sizeof(keys));
    return rc;
}

static void
secret_assertion_free(void *data)
{
    assertion_key_free(data);
}

ngx_int_t
ngx_http_azimuth_secret_assertion(ngx_conf_t *cf, ngx_str_t *file,
                                  ngx_http_azimuth_main_conf_t *mcf)
{
    u_char keys[SEAL_SECRET_COUNT_MAX][SEAL_SECRET_SIZE_MIN];
    ngx_pool_cleanup_t *cleanup = ngx_pool_cleanup_add(cf->pool, 0);
    ngx_int_t rc = NGX_ERROR;
    size_t count = 0;

    if (cleanup == NULL) {
        return NGX_ERROR;
    }
    if (secret_keys(cf, file, keys, &count) == NGX_OK) {
        if (count == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" has no key", file);
        } else if (EVP_Digest(keys[0], sizeof(keys[0]), mcf->assertion_mark,
                              NULL, EVP_sha256(), NULL) == 1 &&
                   assertion_key_create(keys[0], &mcf->assertion_key) ==
                       OAUTH_OK) {
            cleanup->handler = secret_assertion_free;
            cleanup->data = mcf->assertion_key;
            rc = NGX_OK;
        }
    }
    ngx_explicit_memzero(keys, sizeof(keys));
    return rc;
}
