# SPDX-License-Identifier: Apache-2.0
libengine_a_SOURCES += \
	engine/index/best_hits.c engine/index/best_hits.h \
	engine/index/slab.c engine/index/slab.h \
	engine/index/codes_planes.c engine/index/codes_planes.h \
	engine/index/datatype.c engine/index/datatype.h \
	engine/index/flat_form.c engine/index/flat_form.h \
	engine/index/turbo.c engine/index/turbo.h \
	engine/index/vector_row.c engine/index/vector_row.h \
	engine/index/sparse.c engine/index/sparse.h \
	engine/index/sparse_body.h engine/index/sparse_merge.c \
	engine/index/sparse_disk.c engine/index/sparse_disk.h \
	engine/index/sparse_build.c engine/index/sparse_sort.c \
	engine/index/sparse_best.c engine/index/sparse_best.h \
	engine/index/sparse_count.c \
	engine/index/sparse_part.c engine/index/sparse_part.h \
	engine/index/sparse_search.c engine/index/sparse_tail.c \
	engine/index/sparse_weight.c engine/index/sparse_weight.h \
	engine/index/slotset.c engine/index/slotset.h \
	engine/index/slotview.c engine/index/slotview.h \
	engine/index/epoch.c engine/index/epoch.h \
	engine/index/plain.c engine/index/plain.h \
	engine/index/cost.c engine/index/cost.h \
	engine/index/fde.c engine/index/fde.h \
	engine/index/crew.c engine/index/crew.h \
	engine/index/hnsw.c engine/index/hnsw.h \
	engine/index/hnsw_graph.h \
	engine/index/hnsw_scratch.c engine/index/hnsw_scratch.h \
	engine/index/rotation.c engine/index/rotation.h \
	engine/index/codes.c engine/index/codes.h \
	engine/index/codes_scan.c engine/index/codes_scan.h \
	engine/index/hnsw_walk.c \
	engine/index/hnsw_search.c \
	engine/index/hnsw_rescore.c \
	engine/index/hnsw_filter.c \
	engine/index/hnsw_insert.c engine/index/hnsw_naming.c \
	engine/index/hnsw_repair.c \
	engine/index/hnsw_reach.c \
	engine/index/hnsw_checkpoint.c
EXTRA_DIST += engine/index/README.md

check_PROGRAMS += tests/unit/engine/index/test_best_hits
tests_unit_engine_index_test_best_hits_SOURCES = \
	tests/unit/engine/index/test_best_hits.c
tests_unit_engine_index_test_best_hits_CFLAGS = $(libengine_a_CFLAGS) \
	$(UNIT_CFLAGS)
tests_unit_engine_index_test_best_hits_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)
check_PROGRAMS += \
	tests/unit/engine/index/test_rotation \
	tests/unit/engine/index/test_turbo \
	tests/unit/engine/index/test_flat_form \
	tests/unit/engine/index/test_codes \
	tests/unit/engine/index/test_codes_scan \
	tests/unit/engine/index/test_sparse \
	tests/unit/engine/index/test_hnsw_rescore \
	tests/unit/engine/index/test_hnsw_walk \
	tests/unit/engine/index/test_slab \
	tests/unit/engine/index/test_slotset \
	tests/unit/engine/index/test_slotview \
	tests/unit/engine/index/test_epoch \
	tests/unit/engine/index/test_plain \
	tests/unit/engine/index/test_cost \
	tests/unit/engine/index/test_fde \
	tests/unit/engine/index/test_vector_row \
	tests/unit/engine/index/test_crew \
	tests/unit/engine/index/test_hnsw \
	tests/unit/engine/index/test_hnsw_scratch \
	tests/unit/engine/index/test_hnsw_search \
	tests/unit/engine/index/test_hnsw_insert \
	tests/unit/engine/index/test_hnsw_repair \
	tests/unit/engine/index/test_hnsw_reach \
	tests/unit/engine/index/test_hnsw_naming \
	tests/unit/engine/index/test_hnsw_checkpoint
tests_unit_engine_index_test_slab_SOURCES = \
	tests/unit/engine/index/test_slab.c
tests_unit_engine_index_test_slab_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_index_test_slab_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)
tests_unit_engine_index_test_slotset_SOURCES = \
	tests/unit/engine/index/test_slotset.c
tests_unit_engine_index_test_slotset_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_index_test_slotset_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)
tests_unit_engine_index_test_slotview_SOURCES = \
	tests/unit/engine/index/test_slotview.c
tests_unit_engine_index_test_slotview_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_index_test_slotview_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)
tests_unit_engine_index_test_epoch_SOURCES = \
	tests/unit/engine/index/test_epoch.c
tests_unit_engine_index_test_epoch_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_index_test_epoch_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)
tests_unit_engine_index_test_plain_SOURCES = \
	tests/unit/engine/index/test_plain.c
tests_unit_engine_index_test_plain_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_index_test_plain_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)
tests_unit_engine_index_test_hnsw_SOURCES = \
	tests/unit/engine/index/test_hnsw.c \
	tests/unit/engine/index/cloud.h
tests_unit_engine_index_test_hnsw_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_index_test_hnsw_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)
tests_unit_engine_index_test_hnsw_scratch_SOURCES = \
	tests/unit/engine/index/test_hnsw_scratch.c
tests_unit_engine_index_test_hnsw_scratch_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_index_test_hnsw_scratch_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)
tests_unit_engine_index_test_hnsw_search_SOURCES = \
	tests/unit/engine/index/test_hnsw_search.c \
	tests/unit/engine/index/cloud.h
tests_unit_engine_index_test_hnsw_search_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_index_test_hnsw_search_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)
tests_unit_engine_index_test_hnsw_insert_SOURCES = \
	tests/unit/engine/index/test_hnsw_insert.c \
	tests/unit/engine/index/cloud.h \
	tests/unit/engine/index/cloud_graph.h
tests_unit_engine_index_test_hnsw_insert_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_index_test_hnsw_insert_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)
tests_unit_engine_index_test_hnsw_checkpoint_SOURCES = \
	tests/unit/engine/index/test_hnsw_checkpoint.c \
	tests/unit/engine/index/cloud.h
tests_unit_engine_index_test_hnsw_checkpoint_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_index_test_hnsw_checkpoint_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)
tests_unit_engine_index_test_turbo_SOURCES = \
	tests/unit/engine/index/test_turbo.c \
	tests/unit/engine/index/cloud.h
tests_unit_engine_index_test_turbo_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_index_test_turbo_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)
tests_unit_engine_index_test_flat_form_SOURCES = \
	tests/unit/engine/index/test_flat_form.c \
	tests/unit/engine/index/cloud.h
tests_unit_engine_index_test_flat_form_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_index_test_flat_form_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)
tests_unit_engine_index_test_rotation_SOURCES = \
	tests/unit/engine/index/test_rotation.c \
	tests/unit/engine/index/cloud.h
tests_unit_engine_index_test_rotation_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_index_test_rotation_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)
tests_unit_engine_index_test_codes_SOURCES = \
	tests/unit/engine/index/test_codes.c \
	tests/unit/engine/index/cloud.h
tests_unit_engine_index_test_codes_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_index_test_codes_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)
tests_unit_engine_index_test_hnsw_rescore_SOURCES = \
	tests/unit/engine/index/test_hnsw_rescore.c \
	tests/unit/engine/index/cloud.h
tests_unit_engine_index_test_hnsw_rescore_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_index_test_hnsw_rescore_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)
tests_unit_engine_index_test_hnsw_repair_SOURCES = \
	tests/unit/engine/index/test_hnsw_repair.c \
	tests/unit/engine/index/cloud.h \
	tests/unit/engine/index/cloud_graph.h
tests_unit_engine_index_test_hnsw_repair_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_index_test_hnsw_repair_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)
tests_unit_engine_index_test_hnsw_naming_SOURCES = \
	tests/unit/engine/index/test_hnsw_naming.c \
	tests/unit/engine/index/cloud.h
tests_unit_engine_index_test_hnsw_naming_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_index_test_hnsw_naming_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)
tests_unit_engine_index_test_hnsw_reach_SOURCES = \
	tests/unit/engine/index/test_hnsw_reach.c \
	tests/unit/engine/index/cloud.h
tests_unit_engine_index_test_hnsw_reach_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_index_test_hnsw_reach_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)
tests_unit_engine_index_test_cost_SOURCES = \
	tests/unit/engine/index/test_cost.c
tests_unit_engine_index_test_cost_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_index_test_cost_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)
tests_unit_engine_index_test_hnsw_walk_SOURCES = \
	tests/unit/engine/index/test_hnsw_walk.c \
	tests/unit/engine/index/cloud.h
tests_unit_engine_index_test_hnsw_walk_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_index_test_hnsw_walk_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)
tests_unit_engine_index_test_crew_SOURCES = \
	tests/unit/engine/index/test_crew.c
tests_unit_engine_index_test_crew_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_index_test_crew_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)
tests_unit_engine_index_test_codes_scan_SOURCES = \
	tests/unit/engine/index/test_codes_scan.c \
	tests/unit/engine/index/cloud.h
tests_unit_engine_index_test_codes_scan_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_index_test_codes_scan_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/engine/index/test_hnsw_filter
tests_unit_engine_index_test_hnsw_filter_SOURCES = \
	tests/unit/engine/index/test_hnsw_filter.c \
	tests/unit/engine/index/cloud.h
tests_unit_engine_index_test_hnsw_filter_CFLAGS = $(libengine_a_CFLAGS) \
	$(UNIT_CFLAGS)
tests_unit_engine_index_test_hnsw_filter_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)
tests_unit_engine_index_test_sparse_SOURCES = \
	tests/unit/engine/index/test_sparse.c
tests_unit_engine_index_test_sparse_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_index_test_sparse_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)
tests_unit_engine_index_test_fde_SOURCES = \
	tests/unit/engine/index/test_fde.c
tests_unit_engine_index_test_fde_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_index_test_fde_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)

tests_unit_engine_index_test_vector_row_SOURCES = \
	tests/unit/engine/index/test_vector_row.c
tests_unit_engine_index_test_vector_row_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_index_test_vector_row_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)
