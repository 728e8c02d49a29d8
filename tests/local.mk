# SPDX-License-Identifier: Apache-2.0
# Guards over the sources, and the sanitizer builds. Unit tests are in the
# local.mk of the room they test; pytest suites are run by ./appliance check.
GUARDS = tests/guard/layers.sh tests/guard/sizes.sh tests/guard/headers.sh \
	tests/guard/banned.sh tests/guard/registration.sh \
	tests/guard/format.sh tests/guard/secrets.sh tests/guard/features.sh \
	tests/guard/endpoints.sh tests/guard/rights.sh tests/guard/requirements.sh \
	tests/aarch64/kernels.sh
TESTS += $(GUARDS)
EXTRA_DIST += $(GUARDS) tests/aarch64/check.h

# Out-of-tree builds of the unit tests: make check-asan check-ubsan check-tsan
check-asan: ; +$(call sanitizer_check,asan,address)
check-ubsan: ; +$(call sanitizer_check,ubsan,undefined)
check-tsan: ; +$(call sanitizer_check,tsan,thread)
.PHONY: check-asan check-ubsan check-tsan

# Guards need no sanitizer; RocksDB and roaring are not instrumented.
sanitizer_check = mkdir -p build-$(1) && cd build-$(1) && \
	{ test -f Makefile || $(abs_top_srcdir)/configure --enable-werror \
	  --with-sanitizer=$(2) --quiet; } && \
	ASAN_OPTIONS=detect_leaks=1:abort_on_error=1 \
	TSAN_OPTIONS=suppressions=$(abs_top_srcdir)/tests/tsan.supp:die_after_fork=0 \
	CK_FORK=yes $(MAKE) check GUARDS=
EXTRA_DIST += tests/tsan.supp

# How much of oauth/ its unit tests reach (gcc, gcovr), with the least bar.
COVERAGE_LINES = 95
COVERAGE_BRANCHES = 80
check-coverage:
	mkdir -p build-coverage && cd build-coverage && \
	  top_srcdir='$(abs_top_srcdir)' MAKE='$(MAKE)' \
	  COVERAGE_LINES=$(COVERAGE_LINES) \
	  COVERAGE_BRANCHES=$(COVERAGE_BRANCHES) \
	  sh $(abs_top_srcdir)/tests/coverage.sh \
	  $(filter tests/unit/oauth/%,$(check_PROGRAMS))
.PHONY: check-coverage
EXTRA_DIST += tests/coverage.sh

# The unit tests of oauth/ under valgrind; nginx's workers are in tests/login.
# test_flow_memory* fail thousands of allocations one by one, which would take
# valgrind an hour: AddressSanitizer watches them.
VALGRIND = valgrind --quiet --leak-check=full --error-exitcode=9 \
	--suppressions=$(abs_top_srcdir)/tests/valgrind.supp
VALGRIND_TESTS = $(filter-out %/test_flow_memory \
	%/test_flow_memory_ends,$(filter \
	tests/unit/oauth/%,$(check_PROGRAMS)))
check-valgrind: $(VALGRIND_TESTS)
	set -e; export CK_FORK=no CK_DEFAULT_TIMEOUT=600 CK_VERBOSITY=silent \
	  top_srcdir='$(abs_top_srcdir)'; \
	for program in $^; do $(VALGRIND) ./$$program; done
.PHONY: check-valgrind
EXTRA_DIST += tests/valgrind.supp

# A mixed load on an instrumented azimuthd: make soak-tsan SOAK_SECONDS=600
SOAK_SECONDS = 300
soak-asan: ; +$(call sanitizer_soak,asan,address)
soak-ubsan: ; +$(call sanitizer_soak,ubsan,undefined)
soak-tsan: ; +$(call sanitizer_soak,tsan,thread)
.PHONY: soak-asan soak-ubsan soak-tsan
sanitizer_soak = mkdir -p build-$(1) && cd build-$(1) && \
	{ test -f Makefile || $(abs_top_srcdir)/configure --enable-werror \
	  --with-sanitizer=$(2) --quiet; } && $(MAKE) azimuthd && \
	ASAN_OPTIONS=detect_leaks=1 \
	TSAN_OPTIONS=suppressions=$(abs_top_srcdir)/tests/tsan.supp \
	AZIMUTH_BUILD="$$PWD" python3 $(abs_top_srcdir)/tests/load/soak.py \
	  --seconds $(SOAK_SECONDS)
EXTRA_DIST += tests/load

# Browser walks: Chromium driven by playwright-core, run by pytest.
EXTRA_DIST += \
	tests/browser/.npmrc tests/browser/alone.mjs tests/browser/browser.mjs \
	tests/browser/conftest.py tests/browser/login.mjs \
	tests/browser/package-lock.json tests/browser/package.json \
	tests/browser/life.mjs tests/browser/test_life.py \
	tests/browser/test_engine_alone.py tests/browser/test_login.py
include $(top_srcdir)/tests/fuzz/local.mk
include $(top_srcdir)/tests/fuzz/oauth.mk
include $(top_srcdir)/tests/crash/local.mk
include $(top_srcdir)/tests/login/local.mk
include $(top_srcdir)/tests/login/attacks/local.mk

# The engine over its wire and under crashes: pytest, run by ./appliance check.
EXTRA_DIST += tests/fixture tests/wire tests/crash tests/property tests/bench \
	tests/oracle

# What tests share has tests, too.
check_PROGRAMS += tests/unit/fixture/test_folder
tests_unit_fixture_test_folder_SOURCES = tests/unit/fixture/test_folder.c
tests_unit_fixture_test_folder_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
tests_unit_fixture_test_folder_LDADD = $(UNIT_LIBS)
