# SPDX-License-Identifier: Apache-2.0
libengine_a_SOURCES += \
	engine/snapshot/body.h \
	engine/snapshot/catalog.c \
	engine/snapshot/container.h engine/snapshot/container_body.h \
	engine/snapshot/container_copy.c \
	engine/snapshot/container_read.c engine/snapshot/container_write.c \
	engine/snapshot/create.c \
	engine/snapshot/digest.c engine/snapshot/digest.h \
	engine/snapshot/extract.c engine/snapshot/extract.h \
	engine/snapshot/fetch.c engine/snapshot/fetch.h \
	engine/snapshot/file.c engine/snapshot/file.h \
	engine/snapshot/jobs.c \
	engine/snapshot/multipart.c engine/snapshot/multipart.h \
	engine/snapshot/recover.c \
	engine/snapshot/snapshot.c engine/snapshot/snapshot.h \
	engine/snapshot/summer.c engine/snapshot/summer.h \
	engine/snapshot/sweep.c engine/snapshot/sweep.h \
	engine/snapshot/syncer.c engine/snapshot/syncer.h \
	engine/snapshot/unpack.c engine/snapshot/unpack.h
EXTRA_DIST += engine/snapshot/README.md

check_PROGRAMS += tests/unit/engine/snapshot/test_container \
	tests/unit/engine/snapshot/test_multipart \
	tests/unit/engine/snapshot/test_summer
tests_unit_engine_snapshot_test_container_SOURCES = \
	tests/unit/engine/snapshot/test_container.c
tests_unit_engine_snapshot_test_container_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_snapshot_test_container_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)
tests_unit_engine_snapshot_test_multipart_SOURCES = \
	tests/unit/engine/snapshot/test_multipart.c
tests_unit_engine_snapshot_test_multipart_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_snapshot_test_multipart_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)
tests_unit_engine_snapshot_test_summer_SOURCES = \
	tests/unit/engine/snapshot/test_summer.c
tests_unit_engine_snapshot_test_summer_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_snapshot_test_summer_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)
