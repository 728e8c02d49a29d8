# SPDX-License-Identifier: Apache-2.0
# Fuzz targets of oauth/. check replays their corpora (tests/fuzz/local.mk).
#   make fuzz [FUZZ="jwt url"] [FUZZ_SECONDS=600]   searches for new inputs
OAUTH_FUZZ = bearer callback claims cookie discovery jwks jwt logout_token \
	session state token url
FUZZ = $(OAUTH_FUZZ)
FUZZ_SECONDS = 60
FUZZ_FLAGS = $(DEFAULT_INCLUDES) $(AM_CPPFLAGS) $(OPENSSL_CFLAGS) \
	$(JANSSON_CFLAGS) $(JWT_CFLAGS) $(CHECK_CFLAGS)
FUZZ_LIBS = $(JWT_LIBS) $(JANSSON_LIBS) $(OPENSSL_LIBS) $(CHECK_LIBS)
fuzz:
	top_srcdir='$(abs_top_srcdir)' FUZZ_FLAGS='$(FUZZ_FLAGS)' \
	FUZZ_LIBS='$(FUZZ_LIBS)' sh $(top_srcdir)/tests/fuzz/fuzz.sh \
	  '$(abs_top_builddir)/build-fuzz' '$(FUZZ_SECONDS)' $(FUZZ)
.PHONY: fuzz
EXTRA_DIST += tests/fuzz/fuzz.sh

check_PROGRAMS += tests/fuzz/fuzz_callback \
	tests/fuzz/fuzz_claims \
	tests/fuzz/fuzz_cookie \
	tests/fuzz/fuzz_discovery \
	tests/fuzz/fuzz_jwks \
	tests/fuzz/fuzz_jwt \
	tests/fuzz/fuzz_logout_token \
	tests/fuzz/fuzz_session \
	tests/fuzz/fuzz_state \
	tests/fuzz/fuzz_token \
	tests/fuzz/fuzz_url
tests_fuzz_fuzz_callback_SOURCES = tests/fuzz/fuzz_callback.c tests/fuzz/replay.c
tests_fuzz_fuzz_callback_CFLAGS = $(OAUTH_TEST_CFLAGS)
tests_fuzz_fuzz_callback_LDADD = $(OAUTH_LIBS)
tests_fuzz_fuzz_claims_SOURCES = tests/fuzz/fuzz_claims.c tests/fuzz/replay.c \
	$(OAUTH_FORGE)
tests_fuzz_fuzz_claims_CFLAGS = $(OAUTH_TEST_CFLAGS)
tests_fuzz_fuzz_claims_LDADD = $(OAUTH_TEST_LIBS)
tests_fuzz_fuzz_cookie_SOURCES = tests/fuzz/fuzz_cookie.c tests/fuzz/replay.c
tests_fuzz_fuzz_cookie_CFLAGS = $(OAUTH_TEST_CFLAGS)
tests_fuzz_fuzz_cookie_LDADD = $(OAUTH_LIBS)
tests_fuzz_fuzz_discovery_SOURCES = tests/fuzz/fuzz_discovery.c tests/fuzz/replay.c
tests_fuzz_fuzz_discovery_CFLAGS = $(OAUTH_TEST_CFLAGS)
tests_fuzz_fuzz_discovery_LDADD = $(OAUTH_LIBS)
tests_fuzz_fuzz_jwks_SOURCES = tests/fuzz/fuzz_jwks.c tests/fuzz/replay.c
tests_fuzz_fuzz_jwks_CFLAGS = $(OAUTH_TEST_CFLAGS)
tests_fuzz_fuzz_jwks_LDADD = $(OAUTH_LIBS)
tests_fuzz_fuzz_jwt_SOURCES = tests/fuzz/fuzz_jwt.c tests/fuzz/replay.c
tests_fuzz_fuzz_jwt_CFLAGS = $(OAUTH_TEST_CFLAGS)
tests_fuzz_fuzz_jwt_LDADD = $(OAUTH_LIBS)
tests_fuzz_fuzz_logout_token_SOURCES = tests/fuzz/fuzz_logout_token.c \
	tests/fuzz/replay.c
tests_fuzz_fuzz_logout_token_CFLAGS = $(OAUTH_TEST_CFLAGS)
tests_fuzz_fuzz_logout_token_LDADD = $(OAUTH_LIBS)
tests_fuzz_fuzz_session_SOURCES = tests/fuzz/fuzz_session.c tests/fuzz/replay.c
tests_fuzz_fuzz_session_CFLAGS = $(OAUTH_TEST_CFLAGS)
tests_fuzz_fuzz_session_LDADD = $(OAUTH_LIBS)
tests_fuzz_fuzz_state_SOURCES = tests/fuzz/fuzz_state.c tests/fuzz/replay.c
tests_fuzz_fuzz_state_CFLAGS = $(OAUTH_TEST_CFLAGS)
tests_fuzz_fuzz_state_LDADD = $(OAUTH_LIBS)
tests_fuzz_fuzz_token_SOURCES = tests/fuzz/fuzz_token.c tests/fuzz/replay.c
tests_fuzz_fuzz_token_CFLAGS = $(OAUTH_TEST_CFLAGS)
tests_fuzz_fuzz_token_LDADD = $(OAUTH_LIBS)
tests_fuzz_fuzz_url_SOURCES = tests/fuzz/fuzz_url.c tests/fuzz/replay.c
tests_fuzz_fuzz_url_CFLAGS = $(OAUTH_TEST_CFLAGS)
tests_fuzz_fuzz_url_LDADD = $(OAUTH_LIBS)
