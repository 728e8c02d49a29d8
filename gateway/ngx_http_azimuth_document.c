/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps the documents of providers young: a timer of each worker looks which
 * are due (oauth/provider.h) and has them fetched, with nobody waiting. A
 * document that no login ever asked for is left alone. The timer does not keep
 * a worker from leaving. */

#include "gateway/ngx_http_azimuth_event.h"

#define DOCUMENT_TICK_MIN ((ngx_msec_t)250)
#define DOCUMENT_TICK_MAX ((ngx_msec_t)15000)

struct ngx_http_azimuth_documents_s {
    ngx_http_azimuth_main_conf_t *mcf;
    ngx_http_azimuth_timer_t timer;
    ngx_msec_t tick;
};

static void
documents_look(ngx_event_t *event)
{
    ngx_http_azimuth_documents_t *documents;
    ngx_http_azimuth_provider_t **p;
    ngx_uint_t i;
    int document;

    if (ngx_exiting || ngx_quit || ngx_terminate) {
        return;
    }
    documents = ngx_http_azimuth_timer_data(event);
    p = documents->mcf->providers.elts;
    for (i = 0; i < documents->mcf->providers.nelts; i++) {
        for (document = PROVIDER_DISCOVERY; document <= PROVIDER_JWKS;
             document++) {
            if (provider_is_due(p[i]->provider, document, ngx_time())) {
                ngx_http_azimuth_fetch_document(documents->mcf, p[i], document);
            }
        }
    }
    ngx_add_timer(event, documents->tick);
}

/* A quarter of the shortest refresh age, within bounds. */
static ngx_msec_t
documents_tick(ngx_http_azimuth_main_conf_t *mcf)
{
    ngx_http_azimuth_provider_t **p = mcf->providers.elts;
    ngx_msec_t tick = DOCUMENT_TICK_MAX;
    ngx_uint_t i;

    for (i = 0; i < mcf->providers.nelts; i++) {
        tick = ngx_min(tick, (ngx_msec_t)p[i]->document_refresh * 250);
    }
    return ngx_max(tick, DOCUMENT_TICK_MIN);
}

ngx_int_t
ngx_http_azimuth_documents_open(ngx_http_azimuth_main_conf_t *mcf)
{
    ngx_http_azimuth_documents_t *documents;

    documents = ngx_calloc(sizeof(*documents), ngx_cycle->log);
    if (documents == NULL) {
        return NGX_ERROR;
    }
    documents->mcf = mcf;
    documents->tick = documents_tick(mcf);
    ngx_http_azimuth_timer_init(&documents->timer, documents_look, documents,
                                ngx_cycle->log);
    documents->timer.event.cancelable = 1;
    /* Workers begin together: they should not all ask at once for ever. */
    ngx_add_timer(&documents->timer.event,
                  documents->tick +
                      (ngx_msec_t)ngx_random() % (documents->tick + 1));
    mcf->documents = documents;
    return NGX_OK;
}

void
ngx_http_azimuth_documents_close(ngx_http_azimuth_documents_t *documents)
{
    if (documents == NULL) {
        return;
    }
    ngx_http_azimuth_timer_stop(&documents->timer);
    ngx_free(documents);
}
