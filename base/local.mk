# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += libbase.a
libbase_a_CFLAGS = $(AM_CFLAGS)
libbase_a_SOURCES = \
	base/arena.c base/arena.h \
	base/bytes.c base/bytes.h
