# SPDX-License-Identifier: Apache-2.0
# The login decisions: pure, linked into the nginx module and the tests.
noinst_LIBRARIES += liboauth.a
liboauth_a_CFLAGS = $(AM_CFLAGS) $(OPENSSL_CFLAGS) $(JANSSON_CFLAGS) \
	$(JWT_CFLAGS)
liboauth_a_SOURCES = \
	oauth/accesstoken.c oauth/accesstoken.h \
	oauth/assertion.c oauth/assertion.h \
	oauth/authorize.c oauth/authorize.h \
	oauth/callback.c oauth/callback.h \
	oauth/client.c oauth/client.h \
	oauth/client_key.c oauth/client_key.h \
	oauth/cookie.c oauth/cookie.h \
	oauth/discovery.c oauth/discovery.h \
	oauth/credential.c oauth/credential.h \
	oauth/error.c oauth/error.h \
	oauth/flow.c oauth/flow.h oauth/flow_move.h \
	oauth/flow_answer.h \
	oauth/flow_access.c \
	oauth/flow_ask.c \
	oauth/flow_bearer.c \
	oauth/flow_config.c \
	oauth/flow_begin.c \
	oauth/flow_due.c \
	oauth/flow_exchange.c \
	oauth/flow_identity.c \
	oauth/flow_keep.c \
	oauth/flow_leave.c \
	oauth/flow_login.c \
	oauth/flow_refresh.c \
	oauth/flow_renew.c \
	oauth/flow_push.c \
	oauth/flow_logout.c \
	oauth/flow_refuse.c \
	oauth/flow_reply.c \
	oauth/flow_roster.c \
	oauth/flow_sessions.c \
	oauth/flow_sign.c \
	oauth/form.c oauth/form.h \
	oauth/idtoken.c oauth/idtoken.h \
	oauth/json.c oauth/json.h \
	oauth/jwks.c oauth/jwks.h \
	oauth/jwt.c oauth/jwt.h \
	oauth/logout.c oauth/logout.h \
	oauth/logout_token.c oauth/logout_token.h \
	oauth/page.c oauth/page.h \
	oauth/page_leave.c oauth/page_leave.h \
	oauth/page_sessions.c oauth/page_sessions.h \
	oauth/pkce.c oauth/pkce.h \
	oauth/provider.c oauth/provider.h \
	oauth/push.c oauth/push.h \
	oauth/refusal.c oauth/refusal.h \
	oauth/request.c oauth/request.h \
	oauth/rights.c oauth/rights.h \
	oauth/require.c oauth/require.h \
	oauth/roles.c oauth/roles.h \
	oauth/roster.c oauth/roster.h \
	oauth/seal.c oauth/seal.h \
	oauth/session.c oauth/session.h \
	oauth/state.c oauth/state.h \
	oauth/stateparam.c oauth/stateparam.h \
	oauth/token.c oauth/token.h \
	oauth/url.c oauth/url.h

# What a program with liboauth.a has to link behind it.
OAUTH_LIBS = liboauth.a libbase.a $(JWT_LIBS) $(JANSSON_LIBS) $(OPENSSL_LIBS)

# Unit tests: one program per source file.
OAUTH_TEST_CFLAGS = $(UNIT_CFLAGS) $(OPENSSL_CFLAGS) $(JANSSON_CFLAGS)
OAUTH_TEST_LIBS = $(OAUTH_LIBS) $(UNIT_LIBS)
OAUTH_FORGE = tests/unit/oauth/forge.c tests/unit/oauth/forge.h
OAUTH_VISIT = $(OAUTH_FORGE) tests/unit/oauth/visit.c tests/unit/oauth/visit.h
OAUTH_FAMINE = $(OAUTH_VISIT) tests/unit/oauth/famine.c \
	tests/unit/oauth/famine.h
OAUTH_WRAP = $(AM_LDFLAGS) \
	-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strndup
OAUTH_JOB = $(OAUTH_VISIT) tests/unit/oauth/job.c tests/unit/oauth/job.h

check_PROGRAMS += tests/unit/oauth/test_accesstoken \
	tests/unit/oauth/test_assertion \
	tests/unit/oauth/test_authorize \
	tests/unit/oauth/test_callback \
	tests/unit/oauth/test_client \
	tests/unit/oauth/test_client_key \
	tests/unit/oauth/test_cookie \
	tests/unit/oauth/test_credential \
	tests/unit/oauth/test_error \
	tests/unit/oauth/test_flow \
	tests/unit/oauth/test_flow_access \
	tests/unit/oauth/test_flow_bearer \
	tests/unit/oauth/test_flow_clock \
	tests/unit/oauth/test_flow_config \
	tests/unit/oauth/test_flow_due \
	tests/unit/oauth/test_flow_exchange \
	tests/unit/oauth/test_flow_leave \
	tests/unit/oauth/test_flow_fragment \
	tests/unit/oauth/test_flow_login \
	tests/unit/oauth/test_flow_lost \
	tests/unit/oauth/test_flow_logout \
	tests/unit/oauth/test_flow_memory \
	tests/unit/oauth/test_flow_memory_ends \
	tests/unit/oauth/test_flow_push \
	tests/unit/oauth/test_flow_sign \
	tests/unit/oauth/test_flow_refresh \
	tests/unit/oauth/test_flow_renew \
	tests/unit/oauth/test_flow_roster \
	tests/unit/oauth/test_flow_sessions \
	tests/unit/oauth/test_flow_walk \
	tests/unit/oauth/test_form \
	tests/unit/oauth/test_idtoken \
	tests/unit/oauth/test_json \
	tests/unit/oauth/test_jwks \
	tests/unit/oauth/test_jwt \
	tests/unit/oauth/test_logout \
	tests/unit/oauth/test_logout_token \
	tests/unit/oauth/test_page \
	tests/unit/oauth/test_page_leave \
	tests/unit/oauth/test_page_sessions \
	tests/unit/oauth/test_pkce \
	tests/unit/oauth/test_provider \
	tests/unit/oauth/test_push \
	tests/unit/oauth/test_refusal \
	tests/unit/oauth/test_request \
	tests/unit/oauth/test_rights \
	tests/unit/oauth/test_require \
	tests/unit/oauth/test_roles \
	tests/unit/oauth/test_roster \
	tests/unit/oauth/test_seal \
	tests/unit/oauth/test_session \
	tests/unit/oauth/test_state \
	tests/unit/oauth/test_stateparam \
	tests/unit/oauth/test_token \
	tests/unit/oauth/test_url \
	tests/unit/oauth/test_url_redirects
tests_unit_oauth_test_assertion_SOURCES = tests/unit/oauth/test_assertion.c
tests_unit_oauth_test_assertion_CFLAGS = $(OAUTH_TEST_CFLAGS)
tests_unit_oauth_test_assertion_LDADD = $(OAUTH_TEST_LIBS)
tests_unit_oauth_test_accesstoken_SOURCES = tests/unit/oauth/test_accesstoken.c \
	$(OAUTH_FORGE)
tests_unit_oauth_test_accesstoken_CFLAGS = $(OAUTH_TEST_CFLAGS)
tests_unit_oauth_test_accesstoken_LDADD = $(OAUTH_TEST_LIBS)
tests_unit_oauth_test_authorize_SOURCES = tests/unit/oauth/test_authorize.c
tests_unit_oauth_test_authorize_CFLAGS = $(OAUTH_TEST_CFLAGS)
tests_unit_oauth_test_authorize_LDADD = $(OAUTH_TEST_LIBS)
tests_unit_oauth_test_callback_SOURCES = tests/unit/oauth/test_callback.c
tests_unit_oauth_test_callback_CFLAGS = $(OAUTH_TEST_CFLAGS)
tests_unit_oauth_test_callback_LDADD = $(OAUTH_TEST_LIBS)
tests_unit_oauth_test_client_SOURCES = tests/unit/oauth/test_client.c \
	$(OAUTH_FORGE)
tests_unit_oauth_test_client_CFLAGS = $(OAUTH_TEST_CFLAGS)
tests_unit_oauth_test_client_LDADD = $(OAUTH_TEST_LIBS)
tests_unit_oauth_test_client_key_SOURCES = tests/unit/oauth/test_client_key.c \
	$(OAUTH_FORGE)
tests_unit_oauth_test_client_key_CFLAGS = $(OAUTH_TEST_CFLAGS)
tests_unit_oauth_test_client_key_LDADD = $(OAUTH_TEST_LIBS)
tests_unit_oauth_test_cookie_SOURCES = tests/unit/oauth/test_cookie.c
tests_unit_oauth_test_cookie_CFLAGS = $(OAUTH_TEST_CFLAGS)
tests_unit_oauth_test_cookie_LDADD = $(OAUTH_TEST_LIBS)
tests_unit_oauth_test_credential_SOURCES = tests/unit/oauth/test_credential.c
tests_unit_oauth_test_credential_CFLAGS = $(OAUTH_TEST_CFLAGS)
tests_unit_oauth_test_credential_LDADD = $(OAUTH_TEST_LIBS)
tests_unit_oauth_test_error_SOURCES = tests/unit/oauth/test_error.c
tests_unit_oauth_test_error_CFLAGS = $(OAUTH_TEST_CFLAGS)
tests_unit_oauth_test_error_LDADD = $(OAUTH_TEST_LIBS)
tests_unit_oauth_test_flow_SOURCES = tests/unit/oauth/test_flow.c \
	$(OAUTH_VISIT)
tests_unit_oauth_test_flow_CFLAGS = $(OAUTH_TEST_CFLAGS)
tests_unit_oauth_test_flow_LDADD = $(OAUTH_TEST_LIBS)
tests_unit_oauth_test_flow_access_SOURCES = tests/unit/oauth/test_flow_access.c \
	$(OAUTH_VISIT)
tests_unit_oauth_test_flow_access_CFLAGS = $(OAUTH_TEST_CFLAGS)
tests_unit_oauth_test_flow_access_LDADD = $(OAUTH_TEST_LIBS)
tests_unit_oauth_test_flow_bearer_SOURCES = tests/unit/oauth/test_flow_bearer.c \
	$(OAUTH_VISIT)
tests_unit_oauth_test_flow_bearer_CFLAGS = $(OAUTH_TEST_CFLAGS)
tests_unit_oauth_test_flow_bearer_LDADD = $(OAUTH_TEST_LIBS)
tests_unit_oauth_test_flow_clock_SOURCES = tests/unit/oauth/test_flow_clock.c \
	$(OAUTH_VISIT)
tests_unit_oauth_test_flow_clock_CFLAGS = $(OAUTH_TEST_CFLAGS)
tests_unit_oauth_test_flow_clock_LDADD = $(OAUTH_TEST_LIBS)
tests_unit_oauth_test_flow_config_SOURCES = tests/unit/oauth/test_flow_config.c \
	$(OAUTH_VISIT)
tests_unit_oauth_test_flow_config_CFLAGS = $(OAUTH_TEST_CFLAGS)
tests_unit_oauth_test_flow_config_LDADD = $(OAUTH_TEST_LIBS)
tests_unit_oauth_test_flow_exchange_SOURCES = tests/unit/oauth/test_flow_exchange.c \
	$(OAUTH_VISIT)
tests_unit_oauth_test_flow_exchange_CFLAGS = $(OAUTH_TEST_CFLAGS)
tests_unit_oauth_test_flow_exchange_LDADD = $(OAUTH_TEST_LIBS)
tests_unit_oauth_test_flow_leave_SOURCES = tests/unit/oauth/test_flow_leave.c \
	$(OAUTH_VISIT)
tests_unit_oauth_test_flow_leave_CFLAGS = $(OAUTH_TEST_CFLAGS)
tests_unit_oauth_test_flow_leave_LDADD = $(OAUTH_TEST_LIBS)
tests_unit_oauth_test_flow_lost_SOURCES = tests/unit/oauth/test_flow_lost.c \
	$(OAUTH_VISIT)
tests_unit_oauth_test_flow_lost_CFLAGS = $(OAUTH_TEST_CFLAGS)
tests_unit_oauth_test_flow_lost_LDADD = $(OAUTH_TEST_LIBS)
tests_unit_oauth_test_flow_fragment_SOURCES = \
	tests/unit/oauth/test_flow_fragment.c $(OAUTH_VISIT)
tests_unit_oauth_test_flow_fragment_CFLAGS = $(OAUTH_TEST_CFLAGS)
tests_unit_oauth_test_flow_fragment_LDADD = $(OAUTH_TEST_LIBS)
tests_unit_oauth_test_flow_login_SOURCES = tests/unit/oauth/test_flow_login.c \
	$(OAUTH_VISIT)
tests_unit_oauth_test_flow_login_CFLAGS = $(OAUTH_TEST_CFLAGS)
tests_unit_oauth_test_flow_login_LDADD = $(OAUTH_TEST_LIBS)
tests_unit_oauth_test_flow_logout_SOURCES = \
	tests/unit/oauth/test_flow_logout.c $(OAUTH_VISIT)
tests_unit_oauth_test_flow_logout_CFLAGS = $(OAUTH_TEST_CFLAGS)
tests_unit_oauth_test_flow_logout_LDADD = $(OAUTH_TEST_LIBS)
tests_unit_oauth_test_flow_memory_SOURCES = \
	tests/unit/oauth/test_flow_memory.c $(OAUTH_FAMINE)
tests_unit_oauth_test_flow_memory_CFLAGS = $(OAUTH_TEST_CFLAGS)
tests_unit_oauth_test_flow_memory_LDFLAGS = $(OAUTH_WRAP)
tests_unit_oauth_test_flow_memory_LDADD = $(OAUTH_TEST_LIBS)
tests_unit_oauth_test_flow_memory_ends_SOURCES = \
	tests/unit/oauth/test_flow_memory_ends.c $(OAUTH_FAMINE)
tests_unit_oauth_test_flow_memory_ends_CFLAGS = $(OAUTH_TEST_CFLAGS)
tests_unit_oauth_test_flow_memory_ends_LDFLAGS = $(OAUTH_WRAP)
tests_unit_oauth_test_flow_memory_ends_LDADD = $(OAUTH_TEST_LIBS)
tests_unit_oauth_test_flow_push_SOURCES = tests/unit/oauth/test_flow_push.c \
	$(OAUTH_VISIT)
tests_unit_oauth_test_flow_push_CFLAGS = $(OAUTH_TEST_CFLAGS)
tests_unit_oauth_test_flow_push_LDADD = $(OAUTH_TEST_LIBS)
tests_unit_oauth_test_flow_sign_SOURCES = tests/unit/oauth/test_flow_sign.c \
	$(OAUTH_VISIT)
tests_unit_oauth_test_flow_sign_CFLAGS = $(OAUTH_TEST_CFLAGS)
tests_unit_oauth_test_flow_sign_LDADD = $(OAUTH_TEST_LIBS)
tests_unit_oauth_test_flow_due_SOURCES = tests/unit/oauth/test_flow_due.c \
	$(OAUTH_JOB)
tests_unit_oauth_test_flow_due_CFLAGS = $(OAUTH_TEST_CFLAGS)
tests_unit_oauth_test_flow_due_LDADD = $(OAUTH_TEST_LIBS)
tests_unit_oauth_test_flow_refresh_SOURCES = tests/unit/oauth/test_flow_refresh.c \
	$(OAUTH_JOB)
tests_unit_oauth_test_flow_refresh_CFLAGS = $(OAUTH_TEST_CFLAGS)
tests_unit_oauth_test_flow_refresh_LDADD = $(OAUTH_TEST_LIBS)
tests_unit_oauth_test_flow_renew_SOURCES = tests/unit/oauth/test_flow_renew.c \
	$(OAUTH_JOB)
tests_unit_oauth_test_flow_renew_CFLAGS = $(OAUTH_TEST_CFLAGS)
tests_unit_oauth_test_flow_renew_LDADD = $(OAUTH_TEST_LIBS)
tests_unit_oauth_test_flow_roster_SOURCES = \
	tests/unit/oauth/test_flow_roster.c $(OAUTH_VISIT)
tests_unit_oauth_test_flow_roster_CFLAGS = $(OAUTH_TEST_CFLAGS)
tests_unit_oauth_test_flow_roster_LDADD = $(OAUTH_TEST_LIBS)
tests_unit_oauth_test_flow_sessions_SOURCES = \
	tests/unit/oauth/test_flow_sessions.c $(OAUTH_VISIT)
tests_unit_oauth_test_flow_sessions_CFLAGS = $(OAUTH_TEST_CFLAGS)
tests_unit_oauth_test_flow_sessions_LDADD = $(OAUTH_TEST_LIBS)
tests_unit_oauth_test_flow_walk_SOURCES = \
	tests/unit/oauth/test_flow_walk.c $(OAUTH_FAMINE)
tests_unit_oauth_test_flow_walk_CFLAGS = $(OAUTH_TEST_CFLAGS)
tests_unit_oauth_test_flow_walk_LDFLAGS = $(OAUTH_WRAP)
tests_unit_oauth_test_flow_walk_LDADD = $(OAUTH_TEST_LIBS)
tests_unit_oauth_test_form_SOURCES = tests/unit/oauth/test_form.c
tests_unit_oauth_test_form_CFLAGS = $(OAUTH_TEST_CFLAGS)
tests_unit_oauth_test_form_LDADD = $(OAUTH_TEST_LIBS)
tests_unit_oauth_test_idtoken_SOURCES = tests/unit/oauth/test_idtoken.c \
	$(OAUTH_FORGE)
tests_unit_oauth_test_idtoken_CFLAGS = $(OAUTH_TEST_CFLAGS)
tests_unit_oauth_test_idtoken_LDADD = $(OAUTH_TEST_LIBS)
tests_unit_oauth_test_json_SOURCES = tests/unit/oauth/test_json.c
tests_unit_oauth_test_json_CFLAGS = $(OAUTH_TEST_CFLAGS)
tests_unit_oauth_test_json_LDADD = $(OAUTH_TEST_LIBS)
tests_unit_oauth_test_jwks_SOURCES = tests/unit/oauth/test_jwks.c \
	$(OAUTH_FORGE)
tests_unit_oauth_test_jwks_CFLAGS = $(OAUTH_TEST_CFLAGS)
tests_unit_oauth_test_jwks_LDADD = $(OAUTH_TEST_LIBS)
tests_unit_oauth_test_jwt_SOURCES = tests/unit/oauth/test_jwt.c \
	$(OAUTH_FORGE)
tests_unit_oauth_test_jwt_CFLAGS = $(OAUTH_TEST_CFLAGS)
tests_unit_oauth_test_jwt_LDADD = $(OAUTH_TEST_LIBS)
tests_unit_oauth_test_logout_SOURCES = tests/unit/oauth/test_logout.c
tests_unit_oauth_test_logout_CFLAGS = $(OAUTH_TEST_CFLAGS)
tests_unit_oauth_test_logout_LDADD = $(OAUTH_TEST_LIBS)
tests_unit_oauth_test_logout_token_SOURCES = \
	tests/unit/oauth/test_logout_token.c $(OAUTH_FORGE)
tests_unit_oauth_test_logout_token_CFLAGS = $(OAUTH_TEST_CFLAGS)
tests_unit_oauth_test_logout_token_LDADD = $(OAUTH_TEST_LIBS)
tests_unit_oauth_test_page_SOURCES = tests/unit/oauth/test_page.c
tests_unit_oauth_test_page_CFLAGS = $(OAUTH_TEST_CFLAGS)
tests_unit_oauth_test_page_LDADD = $(OAUTH_TEST_LIBS)
tests_unit_oauth_test_page_leave_SOURCES = tests/unit/oauth/test_page_leave.c
tests_unit_oauth_test_page_leave_CFLAGS = $(OAUTH_TEST_CFLAGS)
tests_unit_oauth_test_page_leave_LDADD = $(OAUTH_TEST_LIBS)
tests_unit_oauth_test_page_sessions_SOURCES = tests/unit/oauth/test_page_sessions.c
tests_unit_oauth_test_page_sessions_CFLAGS = $(OAUTH_TEST_CFLAGS)
tests_unit_oauth_test_page_sessions_LDADD = $(OAUTH_TEST_LIBS)
tests_unit_oauth_test_pkce_SOURCES = tests/unit/oauth/test_pkce.c
tests_unit_oauth_test_pkce_CFLAGS = $(OAUTH_TEST_CFLAGS)
tests_unit_oauth_test_pkce_LDADD = $(OAUTH_TEST_LIBS)
tests_unit_oauth_test_provider_SOURCES = tests/unit/oauth/test_provider.c \
	$(OAUTH_FORGE)
tests_unit_oauth_test_provider_CFLAGS = $(OAUTH_TEST_CFLAGS)
tests_unit_oauth_test_provider_LDADD = $(OAUTH_TEST_LIBS)
tests_unit_oauth_test_push_SOURCES = tests/unit/oauth/test_push.c
tests_unit_oauth_test_push_CFLAGS = $(OAUTH_TEST_CFLAGS)
tests_unit_oauth_test_push_LDADD = $(OAUTH_TEST_LIBS)
tests_unit_oauth_test_refusal_SOURCES = tests/unit/oauth/test_refusal.c
tests_unit_oauth_test_refusal_CFLAGS = $(OAUTH_TEST_CFLAGS)
tests_unit_oauth_test_refusal_LDADD = $(OAUTH_TEST_LIBS)
tests_unit_oauth_test_request_SOURCES = tests/unit/oauth/test_request.c
tests_unit_oauth_test_request_CFLAGS = $(OAUTH_TEST_CFLAGS)
tests_unit_oauth_test_request_LDADD = $(OAUTH_TEST_LIBS)
tests_unit_oauth_test_rights_SOURCES = tests/unit/oauth/test_rights.c
tests_unit_oauth_test_rights_CFLAGS = $(OAUTH_TEST_CFLAGS)
tests_unit_oauth_test_rights_LDADD = $(OAUTH_TEST_LIBS)
tests_unit_oauth_test_require_SOURCES = tests/unit/oauth/test_require.c
tests_unit_oauth_test_require_CFLAGS = $(OAUTH_TEST_CFLAGS)
tests_unit_oauth_test_require_LDADD = $(OAUTH_TEST_LIBS)
tests_unit_oauth_test_roles_SOURCES = tests/unit/oauth/test_roles.c
tests_unit_oauth_test_roles_CFLAGS = $(OAUTH_TEST_CFLAGS)
tests_unit_oauth_test_roles_LDADD = $(OAUTH_TEST_LIBS)
tests_unit_oauth_test_roster_SOURCES = tests/unit/oauth/test_roster.c
tests_unit_oauth_test_roster_CFLAGS = $(OAUTH_TEST_CFLAGS)
tests_unit_oauth_test_roster_LDADD = $(OAUTH_TEST_LIBS)
tests_unit_oauth_test_seal_SOURCES = tests/unit/oauth/test_seal.c
tests_unit_oauth_test_seal_CFLAGS = $(OAUTH_TEST_CFLAGS)
tests_unit_oauth_test_seal_LDADD = $(OAUTH_TEST_LIBS)
tests_unit_oauth_test_session_SOURCES = tests/unit/oauth/test_session.c
tests_unit_oauth_test_session_CFLAGS = $(OAUTH_TEST_CFLAGS)
tests_unit_oauth_test_session_LDADD = $(OAUTH_TEST_LIBS)
tests_unit_oauth_test_stateparam_SOURCES = tests/unit/oauth/test_stateparam.c
tests_unit_oauth_test_stateparam_CFLAGS = $(OAUTH_TEST_CFLAGS)
tests_unit_oauth_test_stateparam_LDADD = $(OAUTH_TEST_LIBS)

tests_unit_oauth_test_state_SOURCES = tests/unit/oauth/test_state.c
tests_unit_oauth_test_state_CFLAGS = $(OAUTH_TEST_CFLAGS)
tests_unit_oauth_test_state_LDADD = $(OAUTH_TEST_LIBS)
tests_unit_oauth_test_token_SOURCES = tests/unit/oauth/test_token.c
tests_unit_oauth_test_token_CFLAGS = $(OAUTH_TEST_CFLAGS)
tests_unit_oauth_test_token_LDADD = $(OAUTH_TEST_LIBS)
tests_unit_oauth_test_url_SOURCES = tests/unit/oauth/test_url.c
tests_unit_oauth_test_url_CFLAGS = $(OAUTH_TEST_CFLAGS)
tests_unit_oauth_test_url_LDADD = $(OAUTH_TEST_LIBS)
tests_unit_oauth_test_url_redirects_SOURCES = \
	tests/unit/oauth/test_url_redirects.c
tests_unit_oauth_test_url_redirects_CFLAGS = $(OAUTH_TEST_CFLAGS)
tests_unit_oauth_test_url_redirects_LDADD = $(OAUTH_TEST_LIBS)
