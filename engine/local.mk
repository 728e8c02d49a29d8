# SPDX-License-Identifier: Apache-2.0
# azimuthd = main.c + libengine.a; each room adds its sources in its local.mk.
noinst_LIBRARIES += libengine.a
libengine_a_CFLAGS = $(AM_CFLAGS) $(UV_CFLAGS) $(MHD_CFLAGS) \
	$(YYJSON_CFLAGS) $(YAML_CFLAGS) $(XXHASH_CFLAGS) $(OPENSSL_CFLAGS) \
	$(ICU_CFLAGS) $(NGHTTP2_CFLAGS) $(ZLIB_CFLAGS) $(CURL_CFLAGS)
libengine_a_CPPFLAGS = $(AM_CPPFLAGS) -DDASHBOARD_DIR='"$(pkgdatadir)/dashboard"'
libengine_a_SOURCES = engine/error.c engine/error.h \
	engine/config.c engine/config.h engine/config_file.c \
	engine/config_keys.c engine/config_keys.h engine/config_print.c \
	engine/config_check.c engine/config_environment.c \
	engine/config_flags.c engine/config_secrets.c \
	engine/secret_file.c engine/secret_file.h \
	engine/append_file.c engine/append_file.h \
	engine/log.c engine/log.h \
	engine/metrics.c engine/metrics_collections.c \
	engine/metrics.h engine/metrics_body.h engine/metrics_process.c \
	engine/metrics_text.c engine/metrics_text.h engine/metrics_write.c \
	engine/anonymous.c engine/anonymous.h
ENGINE_LIBS = libengine.a libbase.a $(UV_LIBS) $(MHD_LIBS) $(YYJSON_LIBS) \
	$(YAML_LIBS) $(XXHASH_LIBS) $(ROCKSDB_LIBS) $(ROARING_LIBS) \
	$(ICU_LIBS) $(STEMMER_LIBS) \
	$(NGHTTP2_LIBS) $(ZLIB_LIBS) \
	$(CURL_LIBS) $(OPENSSL_LIBS) $(JEMALLOC_LIBS) -lpthread -lm

bin_PROGRAMS += azimuthd
azimuthd_SOURCES = engine/main.c
azimuthd_CFLAGS = $(libengine_a_CFLAGS)
azimuthd_LDFLAGS = $(AM_LDFLAGS) -pie
azimuthd_LDADD = $(ENGINE_LIBS)

include $(top_srcdir)/engine/kernel/local.mk
include $(top_srcdir)/engine/codec/local.mk
include $(top_srcdir)/engine/storage/local.mk
include $(top_srcdir)/engine/index/local.mk
include $(top_srcdir)/engine/filter/local.mk
include $(top_srcdir)/engine/segment/local.mk
include $(top_srcdir)/engine/collection/local.mk
include $(top_srcdir)/engine/snapshot/local.mk
include $(top_srcdir)/engine/api/local.mk
include $(top_srcdir)/engine/wire/local.mk

check_PROGRAMS += tests/unit/engine/test_config
tests_unit_engine_test_config_SOURCES = \
	tests/unit/engine/test_config.c
tests_unit_engine_test_config_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_test_config_LDADD = \
	$(ENGINE_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/engine/test_log
tests_unit_engine_test_log_SOURCES = \
	tests/unit/engine/test_log.c
tests_unit_engine_test_log_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_test_log_LDADD = \
	$(ENGINE_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/engine/test_metrics
tests_unit_engine_test_metrics_SOURCES = \
	tests/unit/engine/test_metrics.c
tests_unit_engine_test_metrics_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_test_metrics_LDADD = \
	$(ENGINE_LIBS) $(UNIT_LIBS)
