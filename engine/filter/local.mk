# SPDX-License-Identifier: Apache-2.0
libengine_a_SOURCES += \
	engine/filter/datetime.c engine/filter/datetime.h \
	engine/filter/eval.c engine/filter/eval.h \
	engine/filter/filter.c engine/filter/filter.h \
	engine/filter/filter_key.c engine/filter/filter_key.h \
	engine/filter/geo.c engine/filter/geo.h \
	engine/filter/geo_index.c engine/filter/geo_index.h \
	engine/filter/keyword_index.c engine/filter/keyword_index.h \
	engine/filter/number_column.c engine/filter/number_column.h \
	engine/filter/number_index.c engine/filter/number_index.h \
	engine/filter/number_index_body.h \
	engine/filter/number_index_bulk.c \
	engine/filter/number_index_query.c \
	engine/filter/path.c engine/filter/path.h \
	engine/filter/payload_facet.c engine/filter/payload_facet.h \
	engine/filter/payload_index.c engine/filter/payload_index.h \
	engine/filter/payload_index_body.h \
	engine/filter/payload_index_query.c \
	engine/filter/payload_keys.c engine/filter/payload_keys.h \
	engine/filter/plan.c engine/filter/plan.h \
	engine/filter/plan_part.c engine/filter/plan_part.h \
	engine/filter/posting.c engine/filter/posting.h \
	engine/filter/slice.c engine/filter/slice.h \
	engine/filter/slot_parts.c engine/filter/slot_parts.h \
	engine/filter/slot_set.c engine/filter/slot_set.h \
	engine/filter/slot_set_body.h engine/filter/slot_set_words.c \
	engine/filter/language.c engine/filter/language.h \
	engine/filter/text_field.c engine/filter/text_field.h \
	engine/filter/text_pool.c engine/filter/text_pool.h \
	engine/filter/tokenizer.c engine/filter/tokenizer.h \
	engine/filter/tokenizer_body.h \
	engine/filter/tokenizer_params.c

check_PROGRAMS += tests/unit/engine/filter/test_payload_facet
tests_unit_engine_filter_test_payload_facet_SOURCES = \
	tests/unit/engine/filter/test_payload_facet.c
tests_unit_engine_filter_test_payload_facet_CFLAGS = $(libengine_a_CFLAGS) \
	$(UNIT_CFLAGS)
tests_unit_engine_filter_test_payload_facet_LDADD = $(ENGINE_LIBS) \
	$(UNIT_LIBS)

check_PROGRAMS += tests/unit/engine/filter/test_eval
tests_unit_engine_filter_test_eval_SOURCES = \
	tests/unit/engine/filter/test_eval.c
tests_unit_engine_filter_test_eval_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_filter_test_eval_LDADD = \
	$(ENGINE_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/engine/filter/test_filter
tests_unit_engine_filter_test_filter_SOURCES = \
	tests/unit/engine/filter/test_filter.c
tests_unit_engine_filter_test_filter_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_filter_test_filter_LDADD = \
	$(ENGINE_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/engine/filter/test_keyword_index
tests_unit_engine_filter_test_keyword_index_SOURCES = \
	tests/unit/engine/filter/test_keyword_index.c
tests_unit_engine_filter_test_keyword_index_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_filter_test_keyword_index_LDADD = \
	$(ENGINE_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/engine/filter/test_number_column
tests_unit_engine_filter_test_number_column_SOURCES = \
	tests/unit/engine/filter/test_number_column.c
tests_unit_engine_filter_test_number_column_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_filter_test_number_column_LDADD = \
	$(ENGINE_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/engine/filter/test_number_index
tests_unit_engine_filter_test_number_index_SOURCES = \
	tests/unit/engine/filter/test_number_index.c
tests_unit_engine_filter_test_number_index_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_filter_test_number_index_LDADD = \
	$(ENGINE_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/engine/filter/test_path
tests_unit_engine_filter_test_path_SOURCES = \
	tests/unit/engine/filter/test_path.c
tests_unit_engine_filter_test_path_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_filter_test_path_LDADD = \
	$(ENGINE_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/engine/filter/test_payload_index
tests_unit_engine_filter_test_payload_index_SOURCES = \
	tests/unit/engine/filter/test_payload_index.c
tests_unit_engine_filter_test_payload_index_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_filter_test_payload_index_LDADD = \
	$(ENGINE_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/engine/filter/test_plan
tests_unit_engine_filter_test_plan_SOURCES = \
	tests/unit/engine/filter/test_plan.c
tests_unit_engine_filter_test_plan_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_filter_test_plan_LDADD = \
	$(ENGINE_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/engine/filter/test_posting
tests_unit_engine_filter_test_posting_SOURCES = \
	tests/unit/engine/filter/test_posting.c
tests_unit_engine_filter_test_posting_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_filter_test_posting_LDADD = \
	$(ENGINE_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/engine/filter/test_slot_set
tests_unit_engine_filter_test_slot_set_SOURCES = \
	tests/unit/engine/filter/test_slot_set.c
tests_unit_engine_filter_test_slot_set_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_filter_test_slot_set_LDADD = \
	$(ENGINE_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/engine/filter/test_datetime
tests_unit_engine_filter_test_datetime_SOURCES = \
	tests/unit/engine/filter/test_datetime.c
tests_unit_engine_filter_test_datetime_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_filter_test_datetime_LDADD = \
	$(ENGINE_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/engine/filter/test_geo
tests_unit_engine_filter_test_geo_SOURCES = \
	tests/unit/engine/filter/test_geo.c
tests_unit_engine_filter_test_geo_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_filter_test_geo_LDADD = \
	$(ENGINE_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/engine/filter/test_slice
tests_unit_engine_filter_test_slice_SOURCES = \
	tests/unit/engine/filter/test_slice.c
tests_unit_engine_filter_test_slice_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_filter_test_slice_LDADD = \
	$(ENGINE_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/engine/filter/test_tokenizer
tests_unit_engine_filter_test_tokenizer_SOURCES = \
	tests/unit/engine/filter/test_tokenizer.c
tests_unit_engine_filter_test_tokenizer_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_filter_test_tokenizer_LDADD = \
	$(ENGINE_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/engine/filter/test_text_field
tests_unit_engine_filter_test_text_field_SOURCES = \
	tests/unit/engine/filter/test_text_field.c
tests_unit_engine_filter_test_text_field_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_filter_test_text_field_LDADD = \
	$(ENGINE_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/engine/filter/test_geo_index
tests_unit_engine_filter_test_geo_index_SOURCES = \
	tests/unit/engine/filter/test_geo_index.c
tests_unit_engine_filter_test_geo_index_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_filter_test_geo_index_LDADD = \
	$(ENGINE_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/engine/filter/test_filter_key
tests_unit_engine_filter_test_filter_key_SOURCES = \
	tests/unit/engine/filter/test_filter_key.c
tests_unit_engine_filter_test_filter_key_CFLAGS = $(libengine_a_CFLAGS) \
	$(UNIT_CFLAGS)
tests_unit_engine_filter_test_filter_key_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)
