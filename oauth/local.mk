# SPDX-License-Identifier: Apache-2.0
# The login decisions: pure, linked into the nginx module and the tests.
noinst_LIBRARIES += liboauth.a
liboauth_a_CFLAGS = $(AM_CFLAGS) $(OPENSSL_CFLAGS) $(JANSSON_CFLAGS) \
	$(JWT_CFLAGS)
liboauth_a_SOURCES = \
	oauth/authorize.c oauth/authorize.h \
	oauth/base64.c oauth/base64.h \
	oauth/callback.c oauth/callback.h \
	oauth/cookie.c oauth/cookie.h \
	oauth/error.c oauth/error.h \
	oauth/flow.c oauth/flow.h oauth/flow_move.h \
	oauth/flow_access.c \
	oauth/flow_ask.c \
	oauth/flow_config.c \
	oauth/flow_exchange.c \
	oauth/flow_leave.c \
	oauth/flow_login.c \
	oauth/flow_reply.c \
	oauth/idtoken.c oauth/idtoken.h \
	oauth/json.c oauth/json.h \
	oauth/jwks.c oauth/jwks.h \
	oauth/jwt.c oauth/jwt.h \
	oauth/logout.c oauth/logout.h \
	oauth/page.c oauth/page.h \
	oauth/pkce.c oauth/pkce.h \
	oauth/provider.c oauth/provider.h \
	oauth/request.c oauth/request.h \
	oauth/roles.c oauth/roles.h \
	oauth/seal.c oauth/seal.h \
	oauth/session.c oauth/session.h \
	oauth/state.c oauth/state.h \
	oauth/token.c oauth/token.h \
	oauth/url.c oauth/url.h

# What a program with liboauth.a has to link behind it.
OAUTH_LIBS = liboauth.a libbase.a $(JWT_LIBS) $(JANSSON_LIBS) $(OPENSSL_LIBS)

# Unit tests: one program per source file.
OAUTH_TEST_CFLAGS = $(UNIT_CFLAGS) $(OPENSSL_CFLAGS) $(JANSSON_CFLAGS)
OAUTH_TEST_LIBS = $(OAUTH_LIBS) $(UNIT_LIBS)
OAUTH_FORGE = tests/unit/oauth/forge.c tests/unit/oauth/forge.h

check_PROGRAMS += tests/unit/oauth/test_flow
tests_unit_oauth_test_flow_SOURCES = tests/unit/oauth/test_flow.c $(OAUTH_FORGE)
tests_unit_oauth_test_flow_CFLAGS = $(OAUTH_TEST_CFLAGS)
tests_unit_oauth_test_flow_LDADD = $(OAUTH_TEST_LIBS)
