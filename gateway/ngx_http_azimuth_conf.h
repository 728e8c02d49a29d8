/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_NGX_HTTP_AZIMUTH_CONF_H
#define GATEWAY_NGX_HTTP_AZIMUTH_CONF_H

#include "gateway/ngx_http_azimuth_module.h"

/* What the files that read directives share. All of it runs in the master
 * process (or `nginx -t`), before any worker; functions that return ngx_int_t
 * complain by themselves. */

/* conf.c */
char *ngx_http_azimuth_conf_secret_file(ngx_conf_t *cf, ngx_command_t *cmd,
                                        void *conf);
char *ngx_http_azimuth_conf_zone(ngx_conf_t *cf, ngx_command_t *cmd,
                                 void *conf);
char *ngx_http_azimuth_conf_lifetime(ngx_conf_t *cf, ngx_command_t *cmd,
                                     void *conf);
char *ngx_http_azimuth_conf_refresh(ngx_conf_t *cf, ngx_command_t *cmd,
                                    void *conf);
char *ngx_http_azimuth_conf_cookie(ngx_conf_t *cf, ngx_command_t *cmd,
                                   void *conf);
ngx_int_t ngx_http_azimuth_conf_finish(ngx_conf_t *cf,
                                       ngx_http_azimuth_main_conf_t *mcf);

/* Complains about `value` at this place; always NGX_CONF_ERROR. */
char *ngx_http_azimuth_conf_error(ngx_conf_t *cf, const char *text,
                                  ngx_str_t *value);
void ngx_http_azimuth_conf_place(ngx_conf_t *cf,
                                 ngx_http_azimuth_place_t *place);
/* Whether `argument` is `name` ("x=") and a value. */
int ngx_http_azimuth_conf_option(ngx_str_t *argument, const char *name,
                                 ngx_str_t *ret_value);

/* location.c */
char *ngx_http_azimuth_conf_auth(ngx_conf_t *cf, ngx_command_t *cmd,
                                 void *conf);
char *ngx_http_azimuth_conf_endpoint(ngx_conf_t *cf, ngx_command_t *cmd,
                                     void *conf);
char *ngx_http_azimuth_conf_cors(ngx_conf_t *cf, ngx_command_t *cmd,
                                 void *conf);
char *ngx_http_azimuth_conf_root_redirect(ngx_conf_t *cf, ngx_command_t *cmd,
                                          void *conf);
void *ngx_http_azimuth_create_loc_conf(ngx_conf_t *cf);
char *ngx_http_azimuth_merge_loc_conf(ngx_conf_t *cf, void *parent,
                                      void *child);

/* rules.c */
char *ngx_http_azimuth_conf_bearer(ngx_conf_t *cf, ngx_command_t *cmd,
                                   void *conf);
char *ngx_http_azimuth_conf_api_auth(ngx_conf_t *cf, ngx_command_t *cmd,
                                     void *conf);
char *ngx_http_azimuth_conf_require(ngx_conf_t *cf, ngx_command_t *cmd,
                                    void *conf);
char *ngx_http_azimuth_rules_merge(ngx_conf_t *cf,
                                   ngx_http_azimuth_loc_conf_t *prev,
                                   ngx_http_azimuth_loc_conf_t *conf);

/* provider.c: the block azimuth_provider */
char *ngx_http_azimuth_conf_provider(ngx_conf_t *cf, ngx_command_t *cmd,
                                     void *conf);
ngx_http_azimuth_provider_t *
ngx_http_azimuth_provider_find(ngx_http_azimuth_main_conf_t *mcf,
                               ngx_str_t *name);
ngx_int_t ngx_http_azimuth_provider_finish(ngx_conf_t *cf,
                                           ngx_http_azimuth_main_conf_t *mcf,
                                           ngx_http_azimuth_provider_t *p);

/* valkey_conf.c: azimuth_valkey, which may stand several times */
char *ngx_http_azimuth_conf_valkey(ngx_conf_t *cf, ngx_command_t *cmd,
                                   void *conf);

/* rights.c */
char *ngx_http_azimuth_conf_identity_key_file(ngx_conf_t *cf,
                                              ngx_command_t *cmd, void *conf);
char *ngx_http_azimuth_conf_map(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
/* The setting `map` of a provider. */
char *ngx_http_azimuth_rights_setting(ngx_conf_t *cf,
                                      ngx_http_azimuth_provider_t *provider,
                                      ngx_str_t *target);
/* Gives p->flow its key and rules. */
ngx_int_t ngx_http_azimuth_rights_finish(ngx_conf_t *cf,
                                         ngx_http_azimuth_main_conf_t *mcf,
                                         ngx_http_azimuth_provider_t *p);
ngx_int_t
ngx_http_azimuth_rights_digest(ngx_http_azimuth_main_conf_t *mcf,
                               const ngx_http_azimuth_provider_t *p,
                               u_char ret_digest[AZIMUTH_DIGEST_SIZE]);

/* secret.c */
/* Reads keys and makes mcf->ring, which lives as long as the configuration. */
ngx_int_t ngx_http_azimuth_secret_ring(ngx_conf_t *cf, ngx_str_t *file,
                                       ngx_http_azimuth_main_conf_t *mcf);
/* Reads keys of the same form; the first becomes mcf->assertion_key. */
ngx_int_t ngx_http_azimuth_secret_assertion(ngx_conf_t *cf, ngx_str_t *file,
                                            ngx_http_azimuth_main_conf_t *mcf);
/* The first line of a private file, in cf->pool. */
ngx_int_t ngx_http_azimuth_secret_line(ngx_conf_t *cf, ngx_str_t *file,
                                       ngx_str_t *ret_line);
/* A whole private file, in cf->pool; the caller wipes it. */
ngx_int_t ngx_http_azimuth_secret_text(ngx_conf_t *cf, ngx_str_t *file,
                                       ngx_str_t *ret_text);
/* A whole public file, in cf->pool. */
ngx_int_t ngx_http_azimuth_secret_public(ngx_conf_t *cf, ngx_str_t *file,
                                         ngx_str_t *ret_text);

#endif /* GATEWAY_NGX_HTTP_AZIMUTH_CONF_H */
