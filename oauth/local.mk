# SPDX-License-Identifier: Apache-2.0
# The login decisions: pure, linked into the nginx module and the tests.
noinst_LIBRARIES += liboauth.a
liboauth_a_CFLAGS = $(AM_CFLAGS) $(OPENSSL_CFLAGS) $(JANSSON_CFLAGS) \
	$(JWT_CFLAGS)
liboauth_a_SOURCES = \
	oauth/error.c oauth/error.h \
	oauth/flow.h \
	oauth/provider.h \
	oauth/seal.h \
	oauth/session.h
# What a program with liboauth.a has to link behind it.
OAUTH_LIBS = liboauth.a libbase.a $(JWT_LIBS) $(JANSSON_LIBS) $(OPENSSL_LIBS)
