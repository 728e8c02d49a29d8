# SPDX-License-Identifier: Apache-2.0
libengine_a_SOURCES += \
	engine/collection/command.h \
	engine/collection/config.c engine/collection/config.h \
	engine/collection/config_section.c engine/collection/config_section.h \
	engine/collection/config_write.c \
	engine/collection/collection.h engine/collection/lifecycle.h \
	engine/collection/registry.c engine/collection/registry.h \
	engine/collection/registry_open.c \
	engine/collection/registry_pool.c engine/collection/registry_pool.h

check_PROGRAMS += tests/unit/engine/collection/test_config
tests_unit_engine_collection_test_config_SOURCES = \
	tests/unit/engine/collection/test_config.c
tests_unit_engine_collection_test_config_CFLAGS = $(libengine_a_CFLAGS) \
	$(UNIT_CFLAGS)
tests_unit_engine_collection_test_config_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)
