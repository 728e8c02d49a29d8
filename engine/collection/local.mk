# SPDX-License-Identifier: Apache-2.0
libengine_a_SOURCES += \
	engine/collection/nearest.c engine/collection/nearest.h \
	engine/collection/query.h engine/collection/query_stage.h \
	engine/collection/query_ask.c engine/collection/query_cost.c \
	engine/collection/query_examples.c \
	engine/collection/query_formula.c engine/collection/query_fusion.c \
	engine/collection/query_mmr.c engine/collection/query_score.c \
	engine/collection/query_run.c engine/collection/query_run.h \
	engine/collection/aliases.c engine/collection/aliases.h \
	engine/collection/apply.c engine/collection/apply.h \
	engine/collection/condition.c engine/collection/condition.h \
	engine/collection/body.h \
	engine/collection/collection.c engine/collection/collection.h \
	engine/collection/command.h \
	engine/collection/facet.c engine/collection/facet.h \
	engine/collection/definition.c engine/collection/definition.h \
	engine/collection/freeze.c engine/collection/freeze.h \
	engine/collection/formula.c engine/collection/formula.h \
	engine/collection/groups.c engine/collection/groups.h \
	engine/collection/groups_found.c engine/collection/groups_found.h \
	engine/collection/info.c \
	engine/collection/lifecycle.h \
	engine/collection/output.c engine/collection/output.h \
	engine/collection/search.c \
	engine/collection/work.c \
	engine/collection/config.c engine/collection/config.h \
	engine/collection/config_quantization.c \
	engine/collection/config_quantization.h \
	engine/collection/config_check.c engine/collection/config_check.h \
	engine/collection/config_section.c engine/collection/config_section.h \
	engine/collection/config_sparse.c engine/collection/config_sparse.h \
	engine/collection/config_vector.c engine/collection/config_vector.h \
	engine/collection/vector_name.c engine/collection/strict_query.c \
	engine/collection/unindexed.h engine/collection/optimizations.c \
	engine/collection/optimizations.h \
	engine/collection/config_write.c \
	engine/collection/strict.c engine/collection/strict.h \
	engine/collection/strict_body.h engine/collection/strict_check.c \
	engine/collection/strict_filter.c \
	engine/collection/registry.c engine/collection/registry.h \
	engine/collection/name.c engine/collection/name.h \
	engine/collection/registry_alias.c \
	engine/collection/registry_alias.h \
	engine/collection/registry_freeze.c \
	engine/collection/registry_load.c engine/collection/registry_load.h \
	engine/collection/registry_marker.c \
	engine/collection/registry_marker.h \
	engine/collection/registry_open.c \
	engine/collection/registry_restore.c \
	engine/collection/registry_restore.h \
	engine/collection/registry_swap.c engine/collection/registry_swap.h \
	engine/collection/registry_table.c \
	engine/collection/registry_pool.c engine/collection/registry_pool.h

check_PROGRAMS += tests/unit/engine/collection/test_config
tests_unit_engine_collection_test_config_SOURCES = \
	tests/unit/engine/collection/test_config.c
tests_unit_engine_collection_test_config_CFLAGS = $(libengine_a_CFLAGS) \
	$(UNIT_CFLAGS)
tests_unit_engine_collection_test_config_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/engine/collection/test_config_quantization
tests_unit_engine_collection_test_config_quantization_SOURCES = \
	tests/unit/engine/collection/test_config_quantization.c
tests_unit_engine_collection_test_config_quantization_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_collection_test_config_quantization_LDADD = \
	$(ENGINE_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/engine/collection/test_config_vector
tests_unit_engine_collection_test_config_vector_SOURCES = \
	tests/unit/engine/collection/test_config_vector.c
tests_unit_engine_collection_test_config_vector_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_collection_test_config_vector_LDADD = \
	$(ENGINE_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/engine/collection/test_optimizations
tests_unit_engine_collection_test_optimizations_SOURCES = \
	tests/unit/engine/collection/test_optimizations.c
tests_unit_engine_collection_test_optimizations_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_collection_test_optimizations_LDADD = \
	$(ENGINE_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/engine/collection/test_groups_found
tests_unit_engine_collection_test_groups_found_SOURCES = \
	tests/unit/engine/collection/test_groups_found.c
tests_unit_engine_collection_test_groups_found_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_collection_test_groups_found_LDADD = \
	$(ENGINE_LIBS) $(UNIT_LIBS)

# What the tests of collections and segments share.
check_LIBRARIES = libfixture.a
libfixture_a_CFLAGS = $(libengine_a_CFLAGS) $(UNIT_CFLAGS)
libfixture_a_SOURCES = tests/fixture/points.c tests/fixture/points.h

check_PROGRAMS += tests/unit/engine/collection/test_query
tests_unit_engine_collection_test_query_SOURCES = \
	tests/unit/engine/collection/test_query.c
tests_unit_engine_collection_test_query_CFLAGS = $(libengine_a_CFLAGS) \
	$(UNIT_CFLAGS)
tests_unit_engine_collection_test_query_LDADD = libfixture.a $(ENGINE_LIBS) \
	$(UNIT_LIBS)

check_PROGRAMS += tests/unit/engine/collection/test_model
tests_unit_engine_collection_test_model_SOURCES = \
	tests/unit/engine/collection/test_model.c
tests_unit_engine_collection_test_model_CFLAGS = $(libengine_a_CFLAGS) \
	$(UNIT_CFLAGS)
tests_unit_engine_collection_test_model_LDADD = libfixture.a $(ENGINE_LIBS) \
	$(UNIT_LIBS)

check_PROGRAMS += tests/unit/engine/collection/test_aliases
tests_unit_engine_collection_test_aliases_SOURCES = \
	tests/unit/engine/collection/test_aliases.c
tests_unit_engine_collection_test_aliases_CFLAGS = $(libengine_a_CFLAGS) \
	$(UNIT_CFLAGS)
tests_unit_engine_collection_test_aliases_LDADD = $(ENGINE_LIBS) \
	$(UNIT_LIBS)

check_PROGRAMS += tests/unit/engine/collection/test_registry
tests_unit_engine_collection_test_registry_SOURCES = \
	tests/unit/engine/collection/test_registry.c
tests_unit_engine_collection_test_registry_CFLAGS = $(libengine_a_CFLAGS) \
	$(UNIT_CFLAGS)
tests_unit_engine_collection_test_registry_LDADD = $(ENGINE_LIBS) \
	$(UNIT_LIBS)
check_PROGRAMS += tests/unit/engine/collection/test_threads
tests_unit_engine_collection_test_threads_SOURCES = \
	tests/unit/engine/collection/test_threads.c
tests_unit_engine_collection_test_threads_CFLAGS = $(libengine_a_CFLAGS) \
	$(UNIT_CFLAGS)
tests_unit_engine_collection_test_threads_LDADD = libfixture.a \
	$(ENGINE_LIBS) $(UNIT_LIBS)
check_PROGRAMS += tests/unit/engine/collection/test_collection
tests_unit_engine_collection_test_collection_SOURCES = \
	tests/unit/engine/collection/test_collection.c
tests_unit_engine_collection_test_collection_CFLAGS = $(libengine_a_CFLAGS) \
	$(UNIT_CFLAGS)
tests_unit_engine_collection_test_collection_LDADD = libfixture.a \
	$(ENGINE_LIBS) $(UNIT_LIBS)
check_PROGRAMS += tests/unit/engine/collection/test_output
tests_unit_engine_collection_test_output_SOURCES = \
	tests/unit/engine/collection/test_output.c
tests_unit_engine_collection_test_output_CFLAGS = $(libengine_a_CFLAGS) \
	$(UNIT_CFLAGS)
tests_unit_engine_collection_test_output_LDADD = libfixture.a \
	$(ENGINE_LIBS) $(UNIT_LIBS)
