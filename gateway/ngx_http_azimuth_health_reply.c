/* SPDX-License-Identifier: Apache-2.0 */
/* What "ready" says: each part, how old what we know of it is, and the cause
 * when it is not ready. Causes are fit for a page: no address of Valkey. */

#include "gateway/ngx_http_azimuth_edge.h"

#include "oauth/json.h"

#define HEALTH_BODY_SIZE_MAX ((size_t)64 << 10)

static void
health_add_bool(struct bytes *out, const char *name, int value)
{
    bytes_addf(out, "\"%s\":%s", name, value ? "true" : "false");
}

static void
health_add_cause(struct bytes *out, const char *cause)
{
    bytes_add_text(out, ",\"cause\":");
    json_add_text(out, span_of(cause));
}

static int
health_add_store(struct bytes *out, const ngx_http_azimuth_peer_health_t *store)
{
    int is_ready = store->ok_s > 0 && !store->is_down;

    bytes_add_text(out, "\"valkey\":{");
    health_add_bool(out, "ready", is_ready);
    if (store->ok_s > 0) {
        bytes_addf(out, ",\"answered_s_ago\":%lld",
                   (long long)(ngx_time() - store->ok_s));
    }
    if (!is_ready) {
        health_add_cause(out, store->is_down ? store->cause
                                             : "it was not asked yet");
    }
    bytes_add_text(out, "}");
    return is_ready;
}

/* A document may be stale while the provider is down, but not for ever. */
static int
health_is_usable(int64_t fetched_s)
{
    return fetched_s > 0 && ngx_time() - fetched_s <= PROVIDER_STALE_S;
}

static int
health_add_provider(struct bytes *out, ngx_http_azimuth_provider_t *provider,
                    const ngx_http_azimuth_provider_health_t *entry)
{
    int is_ready =
        health_is_usable(entry->metadata_s) && health_is_usable(entry->keys_s);

    bytes_add_text(out, "{\"name\":");
    json_add_text(out, ngx_http_azimuth_span(provider->name));
    bytes_add_text(out, ",");
    health_add_bool(out, "ready", is_ready);
    if (entry->metadata_s > 0) {
        bytes_addf(out, ",\"metadata_age_s\":%lld",
                   (long long)(ngx_time() - entry->metadata_s));
    }
    if (entry->keys_s > 0) {
        bytes_addf(out, ",\"keys_age_s\":%lld",
                   (long long)(ngx_time() - entry->keys_s));
    }
    if (entry->peer.is_down) {
        health_add_cause(out, entry->peer.cause);
    } else if (!is_ready) {
        health_add_cause(out, "its documents are not here yet");
    }
    bytes_add_text(out, "}");
    return is_ready;
}

ngx_int_t
ngx_http_azimuth_health_reply(ngx_http_request_t *r,
                              ngx_http_azimuth_main_conf_t *mcf)
{
    ngx_http_azimuth_provider_t **providers = mcf->providers.elts;
    ngx_http_azimuth_health_table_t seen;
    struct bytes parts, body;
    int is_ready = 1;
    ngx_uint_t i;

    seen = *ngx_http_azimuth_health_lock(mcf);
    ngx_http_azimuth_health_unlock(mcf);
    bytes_init(&parts, HEALTH_BODY_SIZE_MAX);
    if (mcf->providers.nelts > 0) {
        is_ready &= health_add_store(&parts, &seen.store);
        bytes_add_text(&parts, ",");
    }
    bytes_add_text(&parts, "\"providers\":[");
    for (i = 0; i < mcf->providers.nelts; i++) {
        bytes_add_text(&parts, i > 0 ? "," : "");
        is_ready &=
            health_add_provider(&parts, providers[i], &seen.providers[i]);
    }
    bytes_init(&body, HEALTH_BODY_SIZE_MAX + 64);
    bytes_add_text(&body, "{");
    health_add_bool(&body, "ready", is_ready);
    bytes_add_text(&body, ",");
    bytes_add_span(&body, bytes_span(&parts));
    bytes_add_text(&body, "]}\n");
    bytes_release(&parts);
    return ngx_http_azimuth_refuse_body(
        r, is_ready ? NGX_HTTP_OK : NGX_HTTP_SERVICE_UNAVAILABLE,
        "application/json", &body);
}
