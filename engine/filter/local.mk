# SPDX-License-Identifier: Apache-2.0
libengine_a_SOURCES += \
	engine/filter/eval.c engine/filter/eval.h \
	engine/filter/filter.c engine/filter/filter.h \
	engine/filter/keyword_index.c engine/filter/keyword_index.h \
	engine/filter/number_index.c engine/filter/number_index.h \
	engine/filter/path.c engine/filter/path.h \
	engine/filter/payload_index.c engine/filter/payload_index.h \
	engine/filter/plan.c engine/filter/plan.h \
	engine/filter/posting.c engine/filter/posting.h \
	engine/filter/slot_set.c engine/filter/slot_set.h

check_PROGRAMS += \
	tests/unit/engine/filter/test_plan
tests_unit_engine_filter_test_plan_SOURCES = \
	tests/unit/engine/filter/test_plan.c
tests_unit_engine_filter_test_plan_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_filter_test_plan_LDADD = \
	$(ENGINE_LIBS) $(UNIT_LIBS)
