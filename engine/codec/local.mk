# SPDX-License-Identifier: Apache-2.0
libengine_a_SOURCES += \
	engine/codec/hex.c engine/codec/hex.h \
	engine/codec/json_floats.c engine/codec/json_floats.h \
	engine/codec/json_read.c engine/codec/json_read.h \
	engine/codec/json_reader.c engine/codec/json_reader.h \
	engine/codec/json_pick.c engine/codec/json_pick.h \
	engine/codec/json_scan.c engine/codec/json_scan.h \
	engine/codec/json_unique.c engine/codec/json_unique.h \
	engine/codec/json_write.c engine/codec/json_write.h \
	engine/codec/point_id.c engine/codec/point_id.h \
	engine/codec/protobuf.c engine/codec/protobuf.h \
	engine/codec/timestamp.c engine/codec/timestamp.h \
	engine/codec/utf8.c engine/codec/utf8.h

check_PROGRAMS += tests/unit/engine/codec/test_json \
	tests/unit/engine/codec/test_json_floats \
	tests/unit/engine/codec/test_point_id
check_PROGRAMS += tests/unit/engine/codec/test_hex
tests_unit_engine_codec_test_hex_SOURCES = \
	tests/unit/engine/codec/test_hex.c
tests_unit_engine_codec_test_hex_CFLAGS = $(libengine_a_CFLAGS) \
	$(UNIT_CFLAGS)
tests_unit_engine_codec_test_hex_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)
check_PROGRAMS += tests/unit/engine/codec/test_utf8
tests_unit_engine_codec_test_utf8_SOURCES = \
	tests/unit/engine/codec/test_utf8.c
tests_unit_engine_codec_test_utf8_CFLAGS = $(libengine_a_CFLAGS) \
	$(UNIT_CFLAGS)
tests_unit_engine_codec_test_utf8_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)
tests_unit_engine_codec_test_json_SOURCES = \
	tests/unit/engine/codec/test_json.c
tests_unit_engine_codec_test_json_CFLAGS = $(libengine_a_CFLAGS) \
	$(UNIT_CFLAGS)
tests_unit_engine_codec_test_json_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)
tests_unit_engine_codec_test_point_id_SOURCES = \
	tests/unit/engine/codec/test_point_id.c
tests_unit_engine_codec_test_point_id_CFLAGS = $(libengine_a_CFLAGS) \
	$(UNIT_CFLAGS)
tests_unit_engine_codec_test_point_id_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)
tests_unit_engine_codec_test_json_floats_SOURCES = \
	tests/unit/engine/codec/test_json_floats.c
tests_unit_engine_codec_test_json_floats_CFLAGS = $(libengine_a_CFLAGS) \
	$(UNIT_CFLAGS)
tests_unit_engine_codec_test_json_floats_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/engine/codec/test_protobuf
tests_unit_engine_codec_test_protobuf_SOURCES = tests/unit/engine/codec/test_protobuf.c
tests_unit_engine_codec_test_protobuf_CFLAGS = $(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_codec_test_protobuf_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/engine/codec/test_json_pick
tests_unit_engine_codec_test_json_pick_SOURCES = tests/unit/engine/codec/test_json_pick.c
tests_unit_engine_codec_test_json_pick_CFLAGS = $(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_codec_test_json_pick_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/engine/codec/test_json_unique
tests_unit_engine_codec_test_json_unique_SOURCES = tests/unit/engine/codec/test_json_unique.c
tests_unit_engine_codec_test_json_unique_CFLAGS = $(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_codec_test_json_unique_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)
