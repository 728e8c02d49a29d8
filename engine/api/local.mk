# SPDX-License-Identifier: Apache-2.0
libengine_a_SOURCES += engine/api/rest_filter.c engine/api/rest_filter.h
libengine_a_SOURCES += engine/api/rest_select.c engine/api/rest_select.h

check_PROGRAMS += tests/unit/engine/api/test_rest_filter
tests_unit_engine_api_test_rest_filter_SOURCES = \
	tests/unit/engine/api/test_rest_filter.c
tests_unit_engine_api_test_rest_filter_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_api_test_rest_filter_LDADD = \
	$(ENGINE_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/engine/api/test_rest_select
tests_unit_engine_api_test_rest_select_SOURCES = \
	tests/unit/engine/api/test_rest_select.c
tests_unit_engine_api_test_rest_select_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_api_test_rest_select_LDADD = \
	$(ENGINE_LIBS) $(UNIT_LIBS)
