# SPDX-License-Identifier: Apache-2.0
libengine_a_SOURCES += \
	engine/storage/store.c engine/storage/store.h \
	engine/storage/store_batch.c engine/storage/store_body.h \
	engine/storage/store_full.c engine/storage/store_read.c engine/storage/store_rest.c \
	engine/storage/write_buffers.c engine/storage/write_buffers.h \
	engine/storage/batch_pool.c engine/storage/batch_pool.h \
	engine/storage/store_compact.c engine/storage/store_snapshot.c \
	engine/storage/block_cache.c engine/storage/block_cache.h \
	engine/storage/checkpoint.c engine/storage/checkpoint.h \
	engine/storage/disk_heap.c engine/storage/disk_heap.h \
	engine/storage/folder.c engine/storage/folder.h
EXTRA_DIST += engine/storage/README.md

check_PROGRAMS += tests/unit/engine/storage/test_store \
	tests/unit/engine/storage/test_checkpoint
tests_unit_engine_storage_test_store_SOURCES = \
	tests/unit/engine/storage/test_store.c
tests_unit_engine_storage_test_store_CFLAGS = $(libengine_a_CFLAGS) \
	$(UNIT_CFLAGS)
tests_unit_engine_storage_test_store_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)
tests_unit_engine_storage_test_checkpoint_SOURCES = \
	tests/unit/engine/storage/test_checkpoint.c
tests_unit_engine_storage_test_checkpoint_CFLAGS = $(libengine_a_CFLAGS) \
	$(UNIT_CFLAGS)
tests_unit_engine_storage_test_checkpoint_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/engine/storage/test_store_rest
tests_unit_engine_storage_test_store_rest_SOURCES = \
	tests/unit/engine/storage/test_store_rest.c
tests_unit_engine_storage_test_store_rest_CFLAGS = $(libengine_a_CFLAGS) \
	$(UNIT_CFLAGS)
tests_unit_engine_storage_test_store_rest_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/engine/storage/test_disk_heap
tests_unit_engine_storage_test_disk_heap_SOURCES = \
	tests/unit/engine/storage/test_disk_heap.c
tests_unit_engine_storage_test_disk_heap_CFLAGS = $(libengine_a_CFLAGS) \
	$(UNIT_CFLAGS)
tests_unit_engine_storage_test_disk_heap_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)
