/* SPDX-License-Identifier: Apache-2.0 */
/* Who the upstream believes the user is. In the first phase of every request,
 * on every host, headers that claim an identity are removed: the client's own
 * never reach an upstream or a variable. After a verdict ours are added and
 * our cookies are taken out of Cookie. Header lists are rebuilt rather than
 * shifted: nginx keeps pointers into the old elements, and those stay. */

#include "gateway/ngx_http_azimuth_module.h"

static const char identity_prefix[] = "x-auth-request-";
static const char identity_callback[] = "/oauth2/callback";

/* Whether `name`, case and the kind of dash being the same, equals `known`;
 * or only starts with it. */
static int
identity_is(const u_char *name, size_t size, const char *known,
            size_t known_size)
{
    size_t i;
    u_char c, k;

    if (size < known_size) {
        return 0;
    }
    for (i = 0; i < known_size; i++) {
        c = ngx_tolower(name[i]);
        k = ngx_tolower((u_char)known[i]);
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))) {
            c = '-'; /* '_', '.', ...: what CGI makes of them */
        }
        if (c != k) {
            return 0;
        }
    }
    return 1;
}

static int
identity_is_ours(const ngx_table_elt_t *header)
{
    const char *const *known;
    size_t size;

    if (header->key.len < sizeof(identity_prefix) - 1 ||
        ngx_tolower(header->key.data[0]) != 'x') {
        return 0;
    }
    if (identity_is(header->key.data, header->key.len, identity_prefix,
                    sizeof(identity_prefix) - 1)) {
        return 1;
    }
    for (known = flow_identity_headers; *known != NULL; known++) {
        size = ngx_strlen(*known);
        if (size == header->key.len &&
            identity_is(header->key.data, header->key.len, *known, size)) {
            return 1;
        }
    }
    return 0;
}

/* Calls for each header the client sent. */
#define IDENTITY_EACH(r, part, header, i)                                      \
    for (part = &(r)->headers_in.headers.part; part != NULL;                   \
         part = part->next)                                                    \
        for (header = part->elts, i = 0; i < part->nelts; header++, i++)

ngx_table_elt_t *
ngx_http_azimuth_header_in(ngx_http_request_t *r, const char *lowcase_name)
{
    ngx_list_part_t *part;
    ngx_table_elt_t *header;
    ngx_uint_t i;
    size_t size = ngx_strlen(lowcase_name);

    IDENTITY_EACH(r, part, header, i)
    {
        if (header->key.len == size &&
            ngx_memcmp(header->lowcase_key, lowcase_name, size) == 0) {
            return header;
        }
    }
    return NULL;
}

static int
identity_is_cookie(const ngx_table_elt_t *header)
{
    return header->key.len == 6 &&
           ngx_memcmp(header->lowcase_key, "cookie", 6) == 0;
}

static int
identity_is_spent_cookie(const ngx_table_elt_t *header)
{
    return identity_is_cookie(header) && header->value.len == 0;
}

static int
identity_is_token(const ngx_table_elt_t *header)
{
    return header->key.len == 13 &&
           ngx_memcmp(header->lowcase_key, "authorization", 13) == 0;
}

ngx_int_t
ngx_http_azimuth_identity_rebuild(ngx_http_request_t *r,
                                  ngx_http_azimuth_drops_pt is_dropped)
{
    ngx_list_part_t old = r->headers_in.headers.part;
    ngx_list_part_t *part;
    ngx_table_elt_t *header, *kept;
    ngx_uint_t i;
    ngx_list_t list;

    if (ngx_list_init(&list, r->pool, 24, sizeof(ngx_table_elt_t)) != NGX_OK) {
        return NGX_ERROR;
    }
    r->headers_in.headers = list;
    r->headers_in.headers.last = &r->headers_in.headers.part;

    for (part = &old; part != NULL; part = part->next) {
        header = part->elts;
        for (i = 0; i < part->nelts; i++) {
            if (is_dropped(&header[i])) {
                continue;
            }
            kept = ngx_list_push(&r->headers_in.headers);
            if (kept == NULL) {
                return NGX_ERROR;
            }
            *kept = header[i];
        }
    }
    return NGX_OK;
}

ngx_int_t
ngx_http_azimuth_identity_cut_token(ngx_http_request_t *r)
{
    r->headers_in.authorization = NULL;
    return ngx_http_azimuth_identity_rebuild(r, identity_is_token);
}

/* As it is now, or as it came: an error may have led elsewhere. */
static int
identity_is_callback(ngx_http_request_t *r)
{
    const size_t size = sizeof(identity_callback) - 1;

    return (r->uri.len == size &&
            ngx_memcmp(r->uri.data, identity_callback, size) == 0) ||
           (r->unparsed_uri.len > size && r->unparsed_uri.data[size] == '?' &&
            ngx_memcmp(r->unparsed_uri.data, identity_callback, size) == 0);
}

/* A callback's code must not reach a log by way of the request line. */
static void
identity_hide_line(ngx_http_request_t *r)
{
    u_char *end = r->request_line.data + r->request_line.len;
    u_char *mark = ngx_strlchr(r->request_line.data, end, '?');
    u_char *space, *line;
    size_t size;

    if (mark == NULL) {
        return;
    }
    size = (size_t)(mark - r->request_line.data);
    space = ngx_strlchr(mark, end, ' ');
    line = space == NULL ? NULL : ngx_pnalloc(r->pool, r->request_line.len);
    if (line != NULL) {
        ngx_memcpy(line, r->request_line.data, size);
        ngx_memcpy(line + size, space, (size_t)(end - space));
        size += (size_t)(end - space);
        r->request_line.data = line;
    }
    r->request_line.len = size;
}

/* What no flow has read is still there: the callback was refused before, or
 * by nginx itself before any phase. */
ngx_int_t
ngx_http_azimuth_identity_log_handler(ngx_http_request_t *r)
{
    u_char *mark;

    if (!identity_is_callback(r)) {
        return NGX_OK;
    }
    identity_hide_line(r);
    mark = ngx_strlchr(r->unparsed_uri.data,
                       r->unparsed_uri.data + r->unparsed_uri.len, '?');
    if (mark != NULL) {
        r->unparsed_uri.len = (size_t)(mark - r->unparsed_uri.data);
    }
    ngx_str_null(&r->args);
    return NGX_OK;
}

ngx_int_t
ngx_http_azimuth_identity_handler(ngx_http_request_t *r)
{
    ngx_list_part_t *part;
    ngx_table_elt_t *header;
    ngx_uint_t i;

    if (identity_is_callback(r)) {
        identity_hide_line(r);
    }
    IDENTITY_EACH(r, part, header, i)
    {
        if (identity_is_ours(header)) {
            return ngx_http_azimuth_identity_rebuild(r, identity_is_ours) ==
                           NGX_OK
                       ? NGX_DECLINED
                       : NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }
    return NGX_DECLINED;
}

ngx_int_t
ngx_http_azimuth_identity_init(ngx_conf_t *cf,
                               ngx_http_azimuth_main_conf_t *mcf)
{
    const char *const *known;
    ngx_table_elt_t *header;

    if (ngx_array_init(&mcf->identity, cf->pool, 8, sizeof(ngx_table_elt_t)) !=
        NGX_OK) {
        return NGX_ERROR;
    }
    for (known = flow_identity_headers; *known != NULL; known++) {
        header = ngx_array_push(&mcf->identity);
        if (header == NULL) {
            return NGX_ERROR;
        }
        ngx_memzero(header, sizeof(*header));
        if (ngx_http_azimuth_copy(cf->pool, span_of(*known), &header->key) !=
            NGX_OK) {
            return NGX_ERROR;
        }
        header->lowcase_key = ngx_pnalloc(cf->pool, header->key.len);
        if (header->lowcase_key == NULL) {
            return NGX_ERROR;
        }
        header->hash = ngx_hash_strlow(header->lowcase_key, header->key.data,
                                       header->key.len);
    }
    mcf->user_index = (ngx_uint_t)ngx_http_azimuth_identity_index(
        mcf, span_of("X-Auth-Request-User"));
    mcf->name_index = (ngx_uint_t)ngx_http_azimuth_identity_index(
        mcf, span_of("X-Auth-Request-Preferred-Username"));
    return NGX_OK;
}

ngx_int_t
ngx_http_azimuth_identity_index(ngx_http_azimuth_main_conf_t *mcf,
                                struct span name)
{
    const ngx_table_elt_t *known = mcf->identity.elts;
    ngx_uint_t i;

    for (i = 0; i < mcf->identity.nelts; i++) {
        if (known[i].key.len == name.size &&
            identity_is((const u_char *)name.data, name.size,
                        (const char *)known[i].lowcase_key, name.size)) {
            return (ngx_int_t)i;
        }
    }
    return NGX_ERROR;
}

ngx_int_t
ngx_http_azimuth_identity_set(ngx_http_request_t *r,
                              ngx_http_azimuth_main_conf_t *mcf,
                              ngx_uint_t index, ngx_str_t value)
{
    const ngx_table_elt_t *known = mcf->identity.elts;
    ngx_table_elt_t *header = ngx_list_push(&r->headers_in.headers);

    if (header == NULL) {
        return NGX_ERROR;
    }
    *header = known[index];
    header->value = value;
    return NGX_OK;
}

/* Copies a Cookie value without the cookies whose name begins with ours. */
static ngx_int_t
identity_cut_cookies(ngx_http_request_t *r, ngx_str_t *value,
                     const ngx_str_t *ours)
{
    u_char *p, *end, *pair, *next, *out, *start;

    out = start = ngx_pnalloc(r->pool, value->len);
    if (start == NULL) {
        return NGX_ERROR;
    }
    end = value->data + value->len;
    for (p = value->data; p < end; p = next) {
        pair = p;
        next = ngx_strlchr(p, end, ';');
        next = next == NULL ? end : next + 1;
        while (pair < next && (*pair == ' ' || *pair == '\t')) {
            pair++;
        }
        if ((size_t)(next - pair) >= ours->len &&
            ngx_strncasecmp(pair, ours->data, ours->len) == 0) {
            continue;
        }
        out = ngx_cpymem(out, p, (size_t)(next - p));
    }
    while (out > start && (out[-1] == ';' || out[-1] == ' ')) {
        out--;
    }
    while (start < out && *start == ' ') {
        start++;
    }
    value->data = start;
    value->len = (size_t)(out - start);
    return NGX_OK;
}

static int
identity_has_cookie(const ngx_str_t *value, const ngx_str_t *ours)
{
    u_char *end = value->data + value->len;

    return ngx_strlcasestrn(value->data, end, ours->data, ours->len - 1) !=
           NULL;
}

static ngx_int_t
identity_cut_header(ngx_http_request_t *r, ngx_table_elt_t *header,
                    const ngx_str_t *ours)
{
    return identity_has_cookie(&header->value, ours)
               ? identity_cut_cookies(r, &header->value, ours)
               : NGX_OK;
}

/* $http_cookie is made of the elements that nginx found first, which are not
 * in the list any more when it was rebuilt. */
static ngx_int_t
identity_cut_variable(ngx_http_request_t *r, const ngx_str_t *ours)
{
#if nginx_version >= 1023000
    ngx_table_elt_t *header;

    for (header = r->headers_in.cookie; header != NULL; header = header->next) {
        if (identity_cut_header(r, header, ours) != NGX_OK) {
            return NGX_ERROR;
        }
    }
#else
    ngx_table_elt_t **headers = r->headers_in.cookies.elts;
    ngx_uint_t i;

    for (i = 0; i < r->headers_in.cookies.nelts; i++) {
        if (identity_cut_header(r, headers[i], ours) != NGX_OK) {
            return NGX_ERROR;
        }
    }
#endif
    return NGX_OK;
}

ngx_int_t
ngx_http_azimuth_identity_cut(ngx_http_request_t *r,
                              const ngx_str_t *cookie_name)
{
    ngx_list_part_t *part;
    ngx_table_elt_t *header;
    ngx_uint_t i;
    int is_empty = 0;

    if (identity_cut_variable(r, cookie_name) != NGX_OK) {
        return NGX_ERROR;
    }
    IDENTITY_EACH(r, part, header, i)
    {
        if (!identity_is_cookie(header)) {
            continue;
        }
        if (identity_cut_header(r, header, cookie_name) != NGX_OK) {
            return NGX_ERROR;
        }
        if (header->value.len == 0) {
            is_empty = 1;
        }
    }
    return is_empty
               ? ngx_http_azimuth_identity_rebuild(r, identity_is_spent_cookie)
               : NGX_OK;
}
