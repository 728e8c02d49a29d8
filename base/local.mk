# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += libbase.a
libbase_a_CFLAGS = $(AM_CFLAGS)
libbase_a_SOURCES = \
	base/arena.c base/arena.h \
	base/base64.c base/base64.h \
	base/blocking.c base/blocking.h \
	base/budget.c base/budget.h \
	base/bytes.c base/bytes.h base/clock.h \
	base/memory.c base/memory.h

check_PROGRAMS += tests/unit/base/test_arena tests/unit/base/test_base64 \
	tests/unit/base/test_budget tests/unit/base/test_bytes \
	tests/unit/base/test_memory
tests_unit_base_test_budget_SOURCES = tests/unit/base/test_budget.c
tests_unit_base_test_budget_CFLAGS = $(UNIT_CFLAGS)
tests_unit_base_test_budget_LDADD = libbase.a $(UNIT_LIBS)
tests_unit_base_test_memory_SOURCES = tests/unit/base/test_memory.c
tests_unit_base_test_memory_CFLAGS = $(UNIT_CFLAGS)
tests_unit_base_test_memory_LDADD = libbase.a $(UNIT_LIBS)
tests_unit_base_test_arena_SOURCES = tests/unit/base/test_arena.c
tests_unit_base_test_arena_CFLAGS = $(UNIT_CFLAGS)
tests_unit_base_test_arena_LDADD = libbase.a $(UNIT_LIBS)
tests_unit_base_test_bytes_SOURCES = tests/unit/base/test_bytes.c
tests_unit_base_test_bytes_CFLAGS = $(UNIT_CFLAGS)
tests_unit_base_test_bytes_LDADD = libbase.a $(UNIT_LIBS)
tests_unit_base_test_base64_SOURCES = tests/unit/base/test_base64.c
tests_unit_base_test_base64_CFLAGS = $(UNIT_CFLAGS)
tests_unit_base_test_base64_LDADD = libbase.a $(UNIT_LIBS)
