/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log: one line of JSON for each login, denial and logout. The file
 * is nginx's: opened by the master, opened anew on USR1. A line is written by
 * one write() on a descriptor in append mode, so lines of workers never mix,
 * and is shorter than AUDIT_LINE_SIZE_MAX: long fields are cut. No field can
 * hold a token, a code, a cookie or a query. */

#include "gateway/ngx_http_azimuth_edge.h"

#include "oauth/json.h"

#include <assert.h>

#define AUDIT_LINE_SIZE_MAX  4096
#define AUDIT_FIELD_SIZE_MAX 512 /* bytes of a field, when all of them fit */
#define AUDIT_QUIET_S        60  /* between two complaints about the file */

/* nginx opens the file when all is read, and would not say which line it is
 * of. */
static char *
audit_folder(ngx_conf_t *cf, const ngx_str_t *file)
{
    char folder[NGX_MAX_PATH];
    ngx_file_info_t info;
    size_t size = file->len;

    while (size > 1 && file->data[size - 1] != '/') {
        size--;
    }
    if (size >= sizeof(folder)) {
        return "has too long a path";
    }
    ngx_memcpy(folder, file->data, size);
    folder[size] = '\0';
    if (ngx_file_info(folder, &info) == NGX_FILE_ERROR || !ngx_is_dir(&info)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "azimuth_audit_log: no folder \"%s\"", folder);
        return NGX_CONF_ERROR;
    }
    return NGX_CONF_OK;
}

char *
ngx_http_azimuth_conf_audit(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_azimuth_main_conf_t *mcf = conf;
    ngx_str_t *value = cf->args->elts;

    (void)cmd;
    if (mcf->edge.is_audit_set) {
        return "is duplicate";
    }
    mcf->edge.is_audit_set = 1;
    if (ngx_strcmp(value[1].data, "off") == 0) {
        return NGX_CONF_OK;
    }
    mcf->edge.audit = ngx_conf_open_file(cf->cycle, &value[1]);
    if (mcf->edge.audit == NULL) {
        return NGX_CONF_ERROR;
    }
    return audit_folder(cf, &mcf->edge.audit->name);
}

static void
audit_add(struct bytes *line, const char *name, struct span value, size_t limit)
{
    if (value.size == 0) {
        return;
    }
    value.size = ngx_min(value.size, limit);
    bytes_addf(line, ",\"%s\":", name);
    json_add_text(line, value);
}

/* Who it was, as far as is known. */
static void
audit_user(ngx_http_azimuth_ctx_t *ctx, const ngx_http_azimuth_audit_t *what,
           size_t limit, struct bytes *line)
{
    ngx_http_azimuth_main_conf_t *mcf;
    struct span tag = { (const char *)ctx->edge.tag, sizeof(ctx->edge.tag) };

    mcf = ngx_http_get_module_main_conf(ctx->request, ngx_http_azimuth_module);
    if (what->session != NULL) {
        audit_add(line, "sub", what->session->sub, limit);
        audit_add(line, "name", what->session->preferred_username, limit);
    } else if (what->ended_sub.size > 0) {
        audit_add(line, "sub", what->ended_sub, limit);
    } else {
        audit_add(line, "sub", ngx_http_azimuth_span(ctx->edge.subject), limit);
        audit_add(line, "name", ngx_http_azimuth_span(ctx->user), limit);
    }
    audit_add(line, "provider_session", what->ended_sid, limit);
    audit_add(line, "provider", ngx_http_azimuth_span(ctx->provider->name),
              limit);
    if (ngx_http_azimuth_edge_tag(ctx, mcf) == NGX_OK) {
        audit_add(line, "session", tag, sizeof(ctx->edge.tag));
    }
}

/* Each of the long fields at most `limit` bytes. */
static void
audit_line(ngx_http_request_t *r, ngx_http_azimuth_ctx_t *ctx,
           const ngx_http_azimuth_audit_t *what, size_t limit,
           struct bytes *line)
{
    bytes_addf(line, "{\"time\":\"%.*s\",\"event\":\"%s\",\"outcome\":\"%s\"",
               (int)ngx_cached_http_log_iso8601.len,
               (const char *)ngx_cached_http_log_iso8601.data, what->event,
               what->outcome);
    if (ctx != NULL) {
        audit_user(ctx, what, limit, line);
    }
    audit_add(line, "client", ngx_http_azimuth_span(r->connection->addr_text),
              limit);
    audit_add(line, "request_id", ngx_http_azimuth_edge_id(r), limit);
    audit_add(line, "host", ngx_http_azimuth_span(r->headers_in.server), limit);
    audit_add(line, "method", ngx_http_azimuth_span(r->main->method_name),
              limit);
    audit_add(line, "path", ngx_http_azimuth_span(r->main->uri), limit);
    if (what->cause != NULL && what->cause->code != OAUTH_OK) {
        audit_add(line, "cause", span_of(error_name(what->cause->code)), limit);
        audit_add(line, "detail", span_of(what->cause->text), limit);
    }
    bytes_add_text(line, "}\n");
}

static void
audit_failed(ngx_http_request_t *r, ngx_http_azimuth_main_conf_t *mcf,
             ngx_err_t err)
{
    ngx_http_azimuth_count(mcf, AZIMUTH_COUNT_AUDIT_LOST);
    if (ngx_time() - mcf->edge.audit_failed_s < AUDIT_QUIET_S) {
        return;
    }
    mcf->edge.audit_failed_s = ngx_time();
    ngx_log_error(NGX_LOG_ERR, r->connection->log, err,
                  "azimuth: a line of the audit log \"%V\" is lost",
                  &mcf->edge.audit->name);
}

void
ngx_http_azimuth_audit(ngx_http_request_t *r, ngx_http_azimuth_ctx_t *ctx,
                       const ngx_http_azimuth_audit_t *what)
{
    ngx_http_azimuth_main_conf_t *mcf;
    size_t limit = AUDIT_FIELD_SIZE_MAX;
    struct bytes line;
    ssize_t written;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_azimuth_module);
    if (mcf->edge.audit == NULL) {
        return;
    }
    bytes_init(&line, AUDIT_LINE_SIZE_MAX - 1);
    for (;;) {
        audit_line(r, ctx, what, limit, &line);
        if (!bytes_failed(&line) || limit <= 1) {
            break;
        }
        bytes_release(&line); /* escapes made it too long */
        limit /= 2;
    }
    if (bytes_failed(&line)) {
        audit_failed(r, mcf, NGX_ENOMEM);
    } else {
        written = ngx_write_fd(mcf->edge.audit->fd, line.data, line.size);
        if (written != (ssize_t)line.size) {
            audit_failed(r, mcf, written == -1 ? ngx_errno : 0);
        }
    }
    bytes_release(&line);
}
