# SPDX-License-Identifier: Apache-2.0
libengine_a_SOURCES += \
	engine/api/rest_examples.c \
	engine/api/rest_lookup.c engine/api/rest_order.c \
	engine/api/rest_query.h engine/api/rest_query_kinds.c \
	engine/api/rest_stage.c \
	engine/api/access.c engine/api/access.h engine/api/admission.c \
	engine/api/api.c engine/api/api.h \
	engine/api/audit.c engine/api/audit.h engine/api/call.h \
	engine/api/explain.c engine/api/explain.h \
	engine/api/claims.c engine/api/claims.h \
	engine/api/identity.c engine/api/identity.h \
	engine/api/jwt.c engine/api/jwt.h \
	engine/api/token_cache.c engine/api/token_cache.h \
	engine/api/quota.c engine/api/quota.h engine/api/rest_quotas.c \
	engine/api/rights.c engine/api/rights.h \
	engine/api/memory.c engine/api/memory.h \
	engine/api/part.c engine/api/part.h engine/api/reply.c \
	engine/api/reply.h engine/api/request.h engine/api/rest.h \
	engine/api/openapi.h \
	engine/api/rest_aliases.c \
	engine/api/rest_apart.c engine/api/rest_body.c engine/api/rest_body.h \
	engine/api/rest_collections.c engine/api/rest_collections.h \
	engine/api/rest_defaults.c engine/api/rest_facet.c \
	engine/api/rest_index.c \
	engine/api/rest_points.c engine/api/rest_points.h \
	engine/api/rest_query.c \
	engine/api/rest_read.c engine/api/rest_record.c \
	engine/api/rest_record.h engine/api/rest_update.c \
	engine/api/bm25.c engine/api/bm25.h engine/api/rest_bm25.c \
	engine/api/rest_sparse.c engine/api/rest_sparse.h \
	engine/api/rest_upsert.c engine/api/rest_vector.c \
	engine/api/issues.c engine/api/issues.h \
	engine/api/rest_vector_name.c engine/api/rest_optimizations.c \
	engine/api/rest_vector.h engine/api/routes.c engine/api/service.c \
	engine/api/counting.c engine/api/recall.c engine/api/refuse.c engine/api/recall.h \
	engine/api/service_metrics.c engine/api/telemetry.c \
	engine/api/telemetry.h engine/api/telemetry_app.c \
	engine/api/telemetry_collections.c engine/api/logger.c \
	engine/api/static_files.c engine/api/static_files.h \
	engine/api/status.c engine/api/url.c engine/api/url.h
libengine_a_SOURCES += engine/api/rest_filter.c engine/api/rest_filter.h \
	engine/api/rest_field.c engine/api/rest_field.h
libengine_a_SOURCES += engine/api/rest_params.c engine/api/rest_params.h
libengine_a_SOURCES += engine/api/rest_groups.c engine/api/rest_groups.h \
	engine/api/grpc_groups.c
libengine_a_SOURCES += engine/api/rest_formula.c engine/api/rest_formula.h
libengine_a_SOURCES += engine/api/rest_snapshots.c
libengine_a_SOURCES += engine/api/rest_select.c engine/api/rest_select.h

libengine_a_SOURCES += engine/api/grpc.c engine/api/grpc.h \
	engine/api/grpc_answer.c engine/api/grpc_json.c engine/api/grpc_json.h \
	engine/api/grpc_methods.c engine/api/grpc_points.c \
	engine/api/grpc_record.c engine/api/grpc_record.h \
	engine/api/grpc_schema.c engine/api/grpc_schema.h \
	engine/api/grpc_service.c engine/api/grpc_shape.c \
	engine/api/grpc_text.c engine/api/grpc_unshape.c engine/api/grpc_value.c \
	engine/api/grpc_json_numbers.h

# The descriptors of our .proto files, as protoc sees them, in the program.
GRPC_PROTOS = \
	engine/api/proto/google/protobuf/timestamp.proto \
	engine/api/proto/grpc/health/v1/health.proto \
	engine/api/proto/grpc/reflection/v1/reflection.proto \
	engine/api/proto/grpc/reflection/v1alpha/reflection.proto \
	engine/api/proto/qdrant/collections.proto \
	engine/api/proto/qdrant/config.proto \
	engine/api/proto/qdrant/filter.proto \
	engine/api/proto/qdrant/index.proto \
	engine/api/proto/qdrant/points.proto \
	engine/api/proto/qdrant/qdrant.proto \
	engine/api/proto/qdrant/query.proto \
	engine/api/proto/qdrant/read.proto \
	engine/api/proto/qdrant/search.proto \
	engine/api/proto/qdrant/snapshots.proto \
	engine/api/proto/qdrant/update.proto \
	engine/api/proto/qdrant/value.proto \
	engine/api/proto/qdrant/vector.proto
nodist_libengine_a_SOURCES = engine/api/grpc_descriptors.c
CLEANFILES += engine/api/grpc_descriptors.c engine/api/grpc.fds

engine/api/grpc.fds: $(GRPC_PROTOS)
	@$(MKDIR_P) engine/api
	$(AM_V_GEN)cd $(top_srcdir)/engine/api/proto && $(PROTOC) -I. \
		--descriptor_set_out='$(abs_top_builddir)'/engine/api/grpc.fds \
		$(GRPC_PROTOS:engine/api/proto/%=%)

engine/api/grpc_descriptors.c: engine/api/grpc.fds
	$(AM_V_GEN){ \
	echo '#include "engine/api/grpc_schema.h"'; \
	echo 'const unsigned char grpc_descriptors[] = {'; \
	od -An -v -tx1 engine/api/grpc.fds | \
		sed 's/ \([0-9a-f][0-9a-f]\)/0x\1,/g'; \
	echo '};'; \
	echo 'const size_t grpc_descriptors_size = sizeof(grpc_descriptors);'; \
	} >$@.tmp && mv $@.tmp $@

EXTRA_DIST += engine/api/README.md $(GRPC_PROTOS)

# What the REST API is, for clients that ask: in the program.
nodist_libengine_a_SOURCES += engine/api/openapi_text.c
CLEANFILES += engine/api/openapi_text.c

engine/api/openapi_text.c: engine/api/openapi.json
	@$(MKDIR_P) engine/api
	$(AM_V_GEN){ \
	echo '#include "engine/api/openapi.h"'; \
	echo 'const unsigned char openapi_text[] = {'; \
	od -An -v -tx1 $(top_srcdir)/engine/api/openapi.json | \
		sed 's/ \([0-9a-f][0-9a-f]\)/0x\1,/g'; \
	echo '};'; \
	echo 'const size_t openapi_text_size = sizeof(openapi_text);'; \
	} >$@.tmp && mv $@.tmp $@

EXTRA_DIST += engine/api/openapi.json engine/api/ENDPOINTS.md engine/api/RIGHTS.md

check_PROGRAMS += tests/unit/engine/api/test_openapi
tests_unit_engine_api_test_openapi_SOURCES = \
	tests/unit/engine/api/test_openapi.c
tests_unit_engine_api_test_openapi_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_api_test_openapi_LDADD = \
	$(ENGINE_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/engine/api/test_rest_filter
tests_unit_engine_api_test_rest_filter_SOURCES = \
	tests/unit/engine/api/test_rest_filter.c
tests_unit_engine_api_test_rest_filter_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_api_test_rest_filter_LDADD = \
	$(ENGINE_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/engine/api/test_rest_formula
tests_unit_engine_api_test_rest_formula_SOURCES = \
	tests/unit/engine/api/test_rest_formula.c
tests_unit_engine_api_test_rest_formula_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_api_test_rest_formula_LDADD = \
	$(ENGINE_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/engine/api/test_rest_points
tests_unit_engine_api_test_rest_points_SOURCES = \
	tests/unit/engine/api/test_rest_points.c \
	tests/fixture/points_check.c tests/fixture/points_check.h
tests_unit_engine_api_test_rest_points_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_api_test_rest_points_LDADD = \
	$(ENGINE_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/engine/api/test_rest_select
tests_unit_engine_api_test_rest_select_SOURCES = \
	tests/unit/engine/api/test_rest_select.c
tests_unit_engine_api_test_rest_select_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_api_test_rest_select_LDADD = \
	$(ENGINE_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/engine/api/test_url
tests_unit_engine_api_test_url_SOURCES = \
	tests/unit/engine/api/test_url.c
tests_unit_engine_api_test_url_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_api_test_url_LDADD = \
	$(ENGINE_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/engine/api/test_access
tests_unit_engine_api_test_access_SOURCES = \
	tests/unit/engine/api/test_access.c
tests_unit_engine_api_test_access_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_api_test_access_LDADD = \
	$(ENGINE_LIBS) $(UNIT_LIBS)
tests_unit_engine_api_test_access_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc

check_PROGRAMS += tests/unit/engine/api/test_api
tests_unit_engine_api_test_api_SOURCES = \
	tests/unit/engine/api/test_api.c
tests_unit_engine_api_test_api_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_api_test_api_LDADD = \
	$(ENGINE_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/engine/api/test_audit
tests_unit_engine_api_test_audit_SOURCES = \
	tests/unit/engine/api/test_audit.c
tests_unit_engine_api_test_audit_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_api_test_audit_LDADD = \
	$(ENGINE_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/engine/api/test_identity
tests_unit_engine_api_test_identity_SOURCES = \
	tests/unit/engine/api/test_identity.c
tests_unit_engine_api_test_identity_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_api_test_identity_LDADD = \
	$(ENGINE_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/engine/api/test_rights
tests_unit_engine_api_test_rights_SOURCES = \
	tests/unit/engine/api/test_rights.c
tests_unit_engine_api_test_rights_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_api_test_rights_LDADD = \
	$(ENGINE_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/engine/api/test_rest_field
tests_unit_engine_api_test_rest_field_SOURCES = \
	tests/unit/engine/api/test_rest_field.c
tests_unit_engine_api_test_rest_field_CFLAGS = $(libengine_a_CFLAGS) \
	$(UNIT_CFLAGS)
tests_unit_engine_api_test_rest_field_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/engine/api/test_grpc_text
tests_unit_engine_api_test_grpc_text_SOURCES = \
	tests/unit/engine/api/test_grpc_text.c
tests_unit_engine_api_test_grpc_text_CFLAGS = $(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_api_test_grpc_text_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/engine/api/test_rest_apart
tests_unit_engine_api_test_rest_apart_SOURCES = \
	tests/unit/engine/api/test_rest_apart.c
tests_unit_engine_api_test_rest_apart_CFLAGS = $(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_api_test_rest_apart_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/engine/api/test_grpc_json
tests_unit_engine_api_test_grpc_json_SOURCES = \
	tests/unit/engine/api/test_grpc_json.c
tests_unit_engine_api_test_grpc_json_CFLAGS = $(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_api_test_grpc_json_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/engine/api/test_claims
tests_unit_engine_api_test_claims_SOURCES = \
	tests/unit/engine/api/test_claims.c
tests_unit_engine_api_test_claims_CFLAGS = $(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_api_test_claims_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/engine/api/test_token_cache
tests_unit_engine_api_test_token_cache_SOURCES = \
	tests/unit/engine/api/test_token_cache.c
tests_unit_engine_api_test_token_cache_CFLAGS = $(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_api_test_token_cache_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/engine/api/test_quota
tests_unit_engine_api_test_quota_SOURCES = tests/unit/engine/api/test_quota.c
tests_unit_engine_api_test_quota_CFLAGS = $(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_api_test_quota_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)
