/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_NGX_HTTP_AZIMUTH_SETTING_H
#define GATEWAY_NGX_HTTP_AZIMUTH_SETTING_H

#include "gateway/ngx_http_azimuth_conf.h"

/* The lines of a block azimuth_provider. Each function reads one line at
 * cf->args: it fills `target`, which is still empty, so that a second such
 * line is noticed, and the provider. The answer is as of a directive: OK,
 * NGX_CONF_ERROR when it complained by itself, or the complaint. */

#define AZIMUTH_CALLBACK FLOW_PREFIX "callback"

typedef char *(*ngx_http_azimuth_set_pt)(ngx_conf_t *cf,
                                         ngx_http_azimuth_provider_t *provider,
                                         ngx_str_t *target);

#define AZIMUTH_SETTER(name)                                                   \
    char *ngx_http_azimuth_set_##name(ngx_conf_t *cf,                          \
                                      ngx_http_azimuth_provider_t *provider,   \
                                      ngx_str_t *target)

/* setting_transport.c: how it is reached */
AZIMUTH_SETTER(text);
AZIMUTH_SETTER(certificate);
AZIMUTH_SETTER(connect);
AZIMUTH_SETTER(proxy);
AZIMUTH_SETTER(timeout);
AZIMUTH_SETTER(connect_timeout);
AZIMUTH_SETTER(refresh);
AZIMUTH_SETTER(loopback);

/* setting_bearer.c: tokens that clients bring */
AZIMUTH_SETTER(words);
AZIMUTH_SETTER(untyped);
AZIMUTH_SETTER(introspection);

/* setting_client.c: who we are there, and what of it is believed */
AZIMUTH_SETTER(redirect);
AZIMUTH_SETTER(secret);
AZIMUTH_SETTER(key);
AZIMUTH_SETTER(method);
AZIMUTH_SETTER(audience);
AZIMUTH_SETTER(scope);
AZIMUTH_SETTER(algorithms);
AZIMUTH_SETTER(skew);
AZIMUTH_SETTER(iss);
AZIMUTH_SETTER(par);
AZIMUTH_SETTER(front_logout);
AZIMUTH_SETTER(fragment);

#undef AZIMUTH_SETTER

#endif /* GATEWAY_NGX_HTTP_AZIMUTH_SETTING_H */
