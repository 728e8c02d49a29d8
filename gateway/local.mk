# SPDX-License-Identifier: Apache-2.0
# The nginx module. nginx's own configure runs once in the build directory and
# leaves its generated headers and the table of modules; the rest is compiled
# with our flags. nginx's macros trip the conversion warnings, its handlers
# return literals as char *, and its table of modules needs default visibility:
# the version script keeps the rest inside.
GATEWAY_STAGE = $(top_builddir)/gateway/stage
GATEWAY_TABLE = gateway/ngx_http_azimuth_module_modules.c

$(GATEWAY_TABLE): $(top_srcdir)/build-aux/nginx-stage.sh \
		$(top_srcdir)/gateway/config
	$(AM_V_GEN)rm -rf '$(GATEWAY_STAGE)' && $(MKDIR_P) gateway && \
	bash '$(top_srcdir)/build-aux/nginx-stage.sh' '$(NGINX_SOURCE)' \
		'$(GATEWAY_STAGE)' '$(top_srcdir)/gateway' && \
	cp '$(GATEWAY_STAGE)/ngx_http_azimuth_module_modules.c' $@

BUILT_SOURCES += $(GATEWAY_TABLE)
CLEANFILES += $(GATEWAY_TABLE)
EXTRA_DIST += build-aux/nginx-stage.sh gateway/config gateway/module.map \
	gateway/README.md gateway/FEATURES.md gateway/behind-ingress.md

mostlyclean-local: gateway-clean
gateway-clean:
	rm -rf '$(GATEWAY_STAGE)'
.PHONY: gateway-clean

ngxmodule_PROGRAMS += gateway/ngx_http_azimuth_module.so
nodist_gateway_ngx_http_azimuth_module_so_SOURCES = $(GATEWAY_TABLE)
gateway_ngx_http_azimuth_module_so_SOURCES = \
	gateway/ngx_http_azimuth_module.c gateway/ngx_http_azimuth_module.h \
	gateway/ngx_http_azimuth_conf.c gateway/ngx_http_azimuth_conf.h \
	gateway/ngx_http_azimuth_secret.c \
	gateway/ngx_http_azimuth_location.c \
	gateway/ngx_http_azimuth_provider.c \
	gateway/ngx_http_azimuth_rights.c \
	gateway/ngx_http_azimuth_setting.h \
	gateway/ngx_http_azimuth_setting_bearer.c \
	gateway/ngx_http_azimuth_setting_client.c \
	gateway/ngx_http_azimuth_setting_transport.c \
	gateway/ngx_http_azimuth_access.c \
	gateway/ngx_http_azimuth_body.c \
	gateway/ngx_http_azimuth_perform.c \
	gateway/ngx_http_azimuth_ask.c \
	gateway/ngx_http_azimuth_refresh.c \
	gateway/ngx_http_azimuth_reply.c \
	gateway/ngx_http_azimuth_redirect.c \
	gateway/ngx_http_azimuth_cors.c \
	gateway/ngx_http_azimuth_identity.c \
	gateway/ngx_http_azimuth_variable.c \
	gateway/ngx_http_azimuth_zone.c \
	gateway/ngx_http_azimuth_valkey.c gateway/ngx_http_azimuth_valkey.h \
	gateway/ngx_http_azimuth_valkey_asking.c \
	gateway/ngx_http_azimuth_valkey_conf.c \
	gateway/ngx_http_azimuth_valkey_greet.c \
	gateway/ngx_http_azimuth_valkey_line.c \
	gateway/ngx_http_azimuth_valkey_link.c \
	gateway/ngx_http_azimuth_valkey_listen.c \
	gateway/cache.c gateway/cache.h gateway/cache_chunk.c \
	gateway/cache_layout.h gateway/resp.c gateway/resp.h \
	gateway/ngx_http_azimuth_valkey_command.c \
	gateway/ngx_http_azimuth_door.c \
	gateway/ngx_http_azimuth_fetch.c gateway/ngx_http_azimuth_fetch.h \
	gateway/ngx_http_azimuth_fetch_call.c \
	gateway/ngx_http_azimuth_document.c \
	gateway/ngx_http_azimuth_event.c gateway/ngx_http_azimuth_event.h \
	gateway/ngx_http_azimuth_wait.c \
	gateway/ngx_http_azimuth_edge.c gateway/ngx_http_azimuth_edge.h \
	gateway/ngx_http_azimuth_edge_types.h \
	gateway/ngx_http_azimuth_count.c gateway/ngx_http_azimuth_metrics.c \
	gateway/ngx_http_azimuth_health.c \
	gateway/ngx_http_azimuth_health_reply.c gateway/ngx_http_azimuth_audit.c \
	gateway/ngx_http_azimuth_rate.c gateway/ngx_http_azimuth_rate_conf.c \
	gateway/ngx_http_azimuth_refuse.c \
	gateway/ngx_http_azimuth_security.c \
	gateway/ngx_http_azimuth_upgrade.c \
	gateway/ngx_http_azimuth_bearer.c \
	gateway/ngx_http_azimuth_rules.c \
	gateway/ngx_http_azimuth_bytes.c
gateway_ngx_http_azimuth_module_so_CPPFLAGS = $(AM_CPPFLAGS) \
	-isystem '$(NGINX_SOURCE)/src/core' \
	-isystem '$(NGINX_SOURCE)/src/event' \
	-isystem '$(NGINX_SOURCE)/src/event/modules' \
	-isystem '$(NGINX_SOURCE)/src/event/quic' \
	-isystem '$(NGINX_SOURCE)/src/os/unix' \
	-isystem '$(NGINX_SOURCE)/src/http' \
	-isystem '$(NGINX_SOURCE)/src/http/modules' \
	-isystem '$(NGINX_SOURCE)/src/http/v2' \
	-isystem '$(NGINX_SOURCE)/src/http/v3' \
	-isystem '$(GATEWAY_STAGE)'
gateway_ngx_http_azimuth_module_so_CFLAGS = $(AM_CFLAGS) $(HIREDIS_CFLAGS) \
	$(CURL_CFLAGS) $(OPENSSL_CFLAGS) -fvisibility=default -fPIC \
	-Wno-pedantic -Wno-conversion -Wno-sign-conversion -Wno-cast-qual \
	-Wno-unused-parameter -Wno-write-strings
gateway_ngx_http_azimuth_module_so_LDFLAGS = $(AM_LDFLAGS) -shared \
	-Wl,--version-script=$(top_srcdir)/gateway/module.map
gateway_ngx_http_azimuth_module_so_LDADD = $(OAUTH_LIBS) $(HIREDIS_LIBS) \
	$(CURL_LIBS) $(OPENSSL_LIBS)
EXTRA_gateway_ngx_http_azimuth_module_so_DEPENDENCIES = \
	$(top_srcdir)/gateway/module.map
# nginx's generated headers come with the table, also when only this is made.
$(gateway_ngx_http_azimuth_module_so_OBJECTS): $(GATEWAY_TABLE)

# Unit tests of what needs no nginx.
check_PROGRAMS += tests/unit/gateway/test_cache tests/unit/gateway/test_resp
tests_unit_gateway_test_cache_SOURCES = tests/unit/gateway/test_cache.c \
	gateway/cache.c gateway/cache.h gateway/cache_chunk.c \
	gateway/cache_layout.h
tests_unit_gateway_test_cache_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
tests_unit_gateway_test_cache_LDADD = $(UNIT_LIBS)
tests_unit_gateway_test_resp_SOURCES = tests/unit/gateway/test_resp.c \
	gateway/resp.c gateway/resp.h
tests_unit_gateway_test_resp_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS) \
	$(HIREDIS_CFLAGS)
tests_unit_gateway_test_resp_LDADD = $(HIREDIS_LIBS) $(UNIT_LIBS)
