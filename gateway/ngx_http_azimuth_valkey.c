/* SPDX-License-Identifier: Apache-2.0 */
/* A worker's two lines to the session store, from its start to its end. */

#include "gateway/ngx_http_azimuth_valkey.h"

static ngx_http_azimuth_valkey_t *
valkey_get(ngx_http_azimuth_main_conf_t *mcf)
{
    ngx_http_azimuth_valkey_t *v = mcf->valkey;
    ngx_http_azimuth_endpoint_t *endpoints = mcf->valkey_conf.endpoints.elts;
    ngx_uint_t i;

    if (v != NULL) {
        return v;
    }
    v = ngx_calloc(sizeof(*v), ngx_cycle->log);
    if (v == NULL) {
        return NULL;
    }
    v->mcf = mcf;
    v->log = ngx_cycle->log;
    for (i = 0; i < mcf->valkey_conf.endpoints.nelts; i++) {
        v->states[i].name = &endpoints[i].name;
    }
    ngx_http_azimuth_asking_init(v);
    mcf->valkey = v;
    return v;
}

void
ngx_http_azimuth_valkey_start(ngx_http_azimuth_main_conf_t *mcf)
{
    ngx_http_azimuth_valkey_t *v;

    if (mcf->providers.nelts == 0 || mcf->zone == NULL) {
        return; /* no session is kept */
    }
    v = valkey_get(mcf);
    if (v != NULL) {
        ngx_http_azimuth_valkey_listen(v);
    }
}

ngx_int_t
ngx_http_azimuth_valkey_peer(ngx_http_azimuth_main_conf_t *mcf,
                             ngx_http_azimuth_peer_t *ret_peer)
{
    ret_peer->ask = ngx_http_azimuth_asking_ask;
    ret_peer->data = valkey_get(mcf);
    return ret_peer->data != NULL ? NGX_OK : NGX_ERROR;
}

int
ngx_http_azimuth_valkey_hears(ngx_http_azimuth_main_conf_t *mcf)
{
    return mcf->valkey != NULL && mcf->valkey->is_subscribed;
}

const ngx_http_azimuth_valkey_state_t *
ngx_http_azimuth_valkey_states(ngx_http_azimuth_main_conf_t *mcf,
                               ngx_uint_t *ret_count)
{
    ngx_http_azimuth_valkey_t *v = mcf->valkey;
    ngx_uint_t i;

    *ret_count = 0;
    if (v == NULL) {
        return NULL;
    }
    *ret_count = mcf->valkey_conf.endpoints.nelts;
    for (i = 0; i < *ret_count; i++) {
        v->states[i].is_connected = (v->asking.endpoint == i &&
                                     v->asking.state == AZIMUTH_LINE_READY) ||
                                    (v->listening.endpoint == i &&
                                     v->listening.state == AZIMUTH_LINE_READY);
    }
    return v->states;
}

void
ngx_http_azimuth_valkey_close(ngx_http_azimuth_valkey_t *v)
{
    if (v == NULL) {
        return;
    }
    ngx_http_azimuth_asking_close(v);
    ngx_http_azimuth_valkey_listen_close(v);
    ngx_free(v);
}
