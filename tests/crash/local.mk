# SPDX-License-Identifier: Apache-2.0
# What tests/crash runs: a library that lets calls on files fail and knows what
# was synced, and a program that changes a collection under it.
noinst_PROGRAMS += tests/fixture/fault_io.so tests/crash/fault-writer
tests_fixture_fault_io_so_SOURCES = tests/fixture/fault_io.c \
	tests/fixture/fault_shadow.c tests/fixture/fault_shadow.h
tests_fixture_fault_io_so_CFLAGS = $(AM_CFLAGS) -fPIC -Wno-pedantic \
	-U_FORTIFY_SOURCE
tests_fixture_fault_io_so_LDFLAGS = $(AM_LDFLAGS) -shared
tests_fixture_fault_io_so_LDADD = -ldl
tests_crash_fault_writer_SOURCES = tests/crash/fault_writer.c
tests_crash_fault_writer_CFLAGS = $(libengine_a_CFLAGS)
tests_crash_fault_writer_LDADD = $(ENGINE_LIBS)
