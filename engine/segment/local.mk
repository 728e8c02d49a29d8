# SPDX-License-Identifier: Apache-2.0
libengine_a_SOURCES += \
	engine/segment/order_by.c engine/segment/order_by.h \
	engine/segment/draw.c engine/segment/draw.h \
	engine/segment/score.c engine/segment/score.h \
	engine/segment/body.h \
	engine/segment/change.c engine/segment/change.h \
	engine/segment/change_apply.c engine/segment/change_body.h \
	engine/segment/commit.c \
	engine/segment/compact.c engine/segment/compact.h \
	engine/segment/compact_disk.c \
	engine/segment/filter_cache.c engine/segment/filter_cache.h \
	engine/segment/freeze.c engine/segment/graph.c \
	engine/segment/index_wish.c engine/segment/index_load.c engine/segment/index_build.c engine/segment/index_build.h \
	engine/segment/grave.c engine/segment/grave.h \
	engine/segment/ids.c engine/segment/ids.h \
	engine/segment/load.c \
	engine/segment/match.c engine/segment/match.h \
	engine/segment/match_test.c \
	engine/segment/memory.c engine/segment/memory.h \
	engine/segment/payload_edit.c engine/segment/payload_edit.h \
	engine/segment/order.c engine/segment/order.h \
	engine/segment/payload.c engine/segment/payload.h \
	engine/segment/queue.c engine/segment/queue.h \
	engine/segment/rest.c engine/segment/reuse.c \
	engine/segment/facet.c engine/segment/facet.h \
	engine/segment/scroll.c \
	engine/segment/passing.c engine/segment/passing.h \
	engine/segment/search.c engine/segment/search.h \
	engine/segment/search_body.h \
	engine/segment/search_plan.c \
	engine/segment/search_scan.c \
	engine/segment/search_walk.c engine/segment/search_late.c \
	engine/segment/segment.c engine/segment/segment.h \
	engine/segment/vectors.c engine/segment/vectors.h \
	engine/segment/vectors_codes.c engine/segment/vectors_disk.c \
	engine/segment/multi.c engine/segment/multi.h \
	engine/segment/multi_score.c \
	engine/segment/vectors_row.c engine/segment/vectors_multi.c \
	engine/segment/search_sparse.c engine/segment/search_sparse.h \
	engine/segment/vector_names.c engine/segment/vector_names.h \
	engine/segment/vector_names_open.c \
	engine/segment/vector_names_open.h \
	engine/segment/view.c engine/segment/view.h
EXTRA_DIST += engine/segment/README.md

check_PROGRAMS += tests/unit/engine/segment/test_ids
tests_unit_engine_segment_test_ids_SOURCES = \
	tests/unit/engine/segment/test_ids.c
tests_unit_engine_segment_test_ids_CFLAGS = $(libengine_a_CFLAGS) \
	$(UNIT_CFLAGS)
tests_unit_engine_segment_test_ids_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)
check_PROGRAMS += tests/unit/engine/segment/test_payload_edit
tests_unit_engine_segment_test_payload_edit_SOURCES = \
	tests/unit/engine/segment/test_payload_edit.c
tests_unit_engine_segment_test_payload_edit_CFLAGS = $(libengine_a_CFLAGS) \
	$(UNIT_CFLAGS)
tests_unit_engine_segment_test_payload_edit_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)
check_PROGRAMS += tests/unit/engine/segment/test_fits
tests_unit_engine_segment_test_fits_SOURCES = \
	tests/unit/engine/segment/test_fits.c
tests_unit_engine_segment_test_fits_CFLAGS = $(libengine_a_CFLAGS) \
	$(UNIT_CFLAGS)
tests_unit_engine_segment_test_fits_LDADD = libfixture.a $(ENGINE_LIBS) \
	$(UNIT_LIBS)
check_PROGRAMS += tests/unit/engine/segment/test_queue
tests_unit_engine_segment_test_queue_SOURCES = \
	tests/unit/engine/segment/test_queue.c
tests_unit_engine_segment_test_queue_CFLAGS = $(libengine_a_CFLAGS) \
	$(UNIT_CFLAGS)
tests_unit_engine_segment_test_queue_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)
check_PROGRAMS += tests/unit/engine/segment/test_payload
tests_unit_engine_segment_test_payload_SOURCES = \
	tests/unit/engine/segment/test_payload.c
tests_unit_engine_segment_test_payload_CFLAGS = $(libengine_a_CFLAGS) \
	$(UNIT_CFLAGS)
tests_unit_engine_segment_test_payload_LDADD = libfixture.a $(ENGINE_LIBS) \
	$(UNIT_LIBS)
check_PROGRAMS += tests/unit/engine/segment/test_graph
tests_unit_engine_segment_test_graph_SOURCES = \
	tests/unit/engine/segment/test_graph.c
tests_unit_engine_segment_test_graph_CFLAGS = $(libengine_a_CFLAGS) \
	$(UNIT_CFLAGS)
tests_unit_engine_segment_test_graph_LDADD = libfixture.a $(ENGINE_LIBS) \
	$(UNIT_LIBS)
check_PROGRAMS += tests/unit/engine/segment/test_short_walk
tests_unit_engine_segment_test_short_walk_SOURCES = \
	tests/unit/engine/segment/test_short_walk.c
tests_unit_engine_segment_test_short_walk_CFLAGS = $(libengine_a_CFLAGS) \
	$(UNIT_CFLAGS)
tests_unit_engine_segment_test_short_walk_LDADD = libfixture.a \
	$(ENGINE_LIBS) $(UNIT_LIBS)
check_PROGRAMS += tests/unit/engine/segment/test_compact
tests_unit_engine_segment_test_compact_SOURCES = \
	tests/unit/engine/segment/test_compact.c
tests_unit_engine_segment_test_compact_CFLAGS = $(libengine_a_CFLAGS) \
	$(UNIT_CFLAGS)
tests_unit_engine_segment_test_compact_LDADD = libfixture.a $(ENGINE_LIBS) \
	$(UNIT_LIBS)

check_PROGRAMS += tests/unit/engine/segment/test_passing
tests_unit_engine_segment_test_passing_SOURCES = \
	tests/unit/engine/segment/test_passing.c
tests_unit_engine_segment_test_passing_CFLAGS = $(libengine_a_CFLAGS) \
	$(UNIT_CFLAGS)
tests_unit_engine_segment_test_passing_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/engine/segment/test_filter_cache
tests_unit_engine_segment_test_filter_cache_SOURCES = \
	tests/unit/engine/segment/test_filter_cache.c
tests_unit_engine_segment_test_filter_cache_CFLAGS = $(libengine_a_CFLAGS) \
	$(UNIT_CFLAGS)
tests_unit_engine_segment_test_filter_cache_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/engine/segment/test_search_plan
tests_unit_engine_segment_test_search_plan_SOURCES = \
	tests/unit/engine/segment/test_search_plan.c
tests_unit_engine_segment_test_search_plan_CFLAGS = $(libengine_a_CFLAGS) \
	$(UNIT_CFLAGS)
tests_unit_engine_segment_test_search_plan_LDADD = libfixture.a \
	$(ENGINE_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/engine/segment/test_vector_names
tests_unit_engine_segment_test_vector_names_SOURCES = \
	tests/unit/engine/segment/test_vector_names.c
tests_unit_engine_segment_test_vector_names_CFLAGS = $(libengine_a_CFLAGS) \
	$(UNIT_CFLAGS)
tests_unit_engine_segment_test_vector_names_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)
