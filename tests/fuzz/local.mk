# SPDX-License-Identifier: Apache-2.0
# Fuzz targets: check replays their corpora through replay.c.
FUZZ_CFLAGS = $(libengine_a_CFLAGS) -Wno-missing-prototypes
check_PROGRAMS += tests/fuzz/fuzz_path tests/fuzz/fuzz_filter
tests_fuzz_fuzz_path_SOURCES = tests/fuzz/fuzz_path.c tests/fuzz/replay.c
tests_fuzz_fuzz_path_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_fuzz_path_LDADD = $(ENGINE_LIBS)
tests_fuzz_fuzz_filter_SOURCES = tests/fuzz/fuzz_filter.c tests/fuzz/replay.c
tests_fuzz_fuzz_filter_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_fuzz_filter_LDADD = $(ENGINE_LIBS)
check_PROGRAMS += tests/fuzz/fuzz_query
tests_fuzz_fuzz_query_SOURCES = tests/fuzz/fuzz_query.c tests/fuzz/replay.c
tests_fuzz_fuzz_query_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_fuzz_query_LDADD = $(ENGINE_LIBS)
check_PROGRAMS += tests/fuzz/fuzz_formula
tests_fuzz_fuzz_formula_SOURCES = tests/fuzz/fuzz_formula.c tests/fuzz/replay.c
tests_fuzz_fuzz_formula_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_fuzz_formula_LDADD = $(ENGINE_LIBS)
check_PROGRAMS += tests/fuzz/fuzz_tokenizer
tests_fuzz_fuzz_tokenizer_SOURCES = \
	tests/fuzz/fuzz_tokenizer.c tests/fuzz/replay.c
tests_fuzz_fuzz_tokenizer_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_fuzz_tokenizer_LDADD = $(ENGINE_LIBS)
check_PROGRAMS += tests/fuzz/fuzz_hnsw_checkpoint
tests_fuzz_fuzz_hnsw_checkpoint_SOURCES = \
	tests/fuzz/fuzz_hnsw_checkpoint.c tests/fuzz/replay.c
tests_fuzz_fuzz_hnsw_checkpoint_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_fuzz_hnsw_checkpoint_LDADD = $(ENGINE_LIBS)
check_PROGRAMS += tests/fuzz/fuzz_bearer
tests_fuzz_fuzz_bearer_SOURCES = tests/fuzz/fuzz_bearer.c tests/fuzz/replay.c
tests_fuzz_fuzz_bearer_CFLAGS = $(OAUTH_TEST_CFLAGS)
tests_fuzz_fuzz_bearer_LDADD = $(OAUTH_LIBS)
check_PROGRAMS += tests/fuzz/fuzz_load
tests_fuzz_fuzz_load_SOURCES = tests/fuzz/fuzz_load.c tests/fuzz/replay.c
tests_fuzz_fuzz_load_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_fuzz_load_LDADD = $(ENGINE_LIBS)
check_PROGRAMS += tests/fuzz/fuzz_sparse
tests_fuzz_fuzz_sparse_SOURCES = tests/fuzz/fuzz_sparse.c \
	tests/fuzz/replay.c
tests_fuzz_fuzz_sparse_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_fuzz_sparse_LDADD = $(ENGINE_LIBS)
check_PROGRAMS += tests/fuzz/fuzz_points
tests_fuzz_fuzz_points_SOURCES = tests/fuzz/fuzz_points.c \
	tests/fuzz/replay.c tests/fixture/points_check.c \
	tests/fixture/points_check.h
tests_fuzz_fuzz_points_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_fuzz_points_LDADD = $(ENGINE_LIBS)
check_PROGRAMS += tests/fuzz/fuzz_config
tests_fuzz_fuzz_config_SOURCES = tests/fuzz/fuzz_config.c tests/fuzz/replay.c
tests_fuzz_fuzz_config_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_fuzz_config_LDADD = $(ENGINE_LIBS)
EXTRA_DIST += tests/fuzz/README.md tests/fuzz/corpus
check_PROGRAMS += tests/fuzz/fuzz_grpc
tests_fuzz_fuzz_grpc_SOURCES = tests/fuzz/fuzz_grpc.c tests/fuzz/replay.c
tests_fuzz_fuzz_grpc_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_fuzz_grpc_LDADD = $(ENGINE_LIBS)
check_PROGRAMS += tests/fuzz/fuzz_http1 tests/fuzz/fuzz_http2
WIRE_TARGET = tests/fuzz/wire_target.c tests/fuzz/wire_target.h \
	tests/fuzz/replay.c
tests_fuzz_fuzz_http1_SOURCES = tests/fuzz/fuzz_http1.c $(WIRE_TARGET)
tests_fuzz_fuzz_http1_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_fuzz_http1_LDADD = $(ENGINE_LIBS)
tests_fuzz_fuzz_http2_SOURCES = tests/fuzz/fuzz_http2.c $(WIRE_TARGET)
tests_fuzz_fuzz_http2_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_fuzz_http2_LDADD = $(ENGINE_LIBS)
check_PROGRAMS += tests/fuzz/fuzz_json_pick
tests_fuzz_fuzz_json_pick_SOURCES = tests/fuzz/fuzz_json_pick.c tests/fuzz/replay.c
tests_fuzz_fuzz_json_pick_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_fuzz_json_pick_LDADD = $(ENGINE_LIBS)
check_PROGRAMS += tests/fuzz/fuzz_match
tests_fuzz_fuzz_match_SOURCES = tests/fuzz/fuzz_match.c tests/fuzz/replay.c
tests_fuzz_fuzz_match_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_fuzz_match_LDADD = $(ENGINE_LIBS)
check_PROGRAMS += tests/fuzz/fuzz_geo
tests_fuzz_fuzz_geo_SOURCES = tests/fuzz/fuzz_geo.c tests/fuzz/replay.c
tests_fuzz_fuzz_geo_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_fuzz_geo_LDADD = $(ENGINE_LIBS)
check_PROGRAMS += tests/fuzz/fuzz_sparse_search
tests_fuzz_fuzz_sparse_search_SOURCES = tests/fuzz/fuzz_sparse_search.c tests/fuzz/replay.c
tests_fuzz_fuzz_sparse_search_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_fuzz_sparse_search_LDADD = $(ENGINE_LIBS)
check_PROGRAMS += tests/fuzz/fuzz_rbac
tests_fuzz_fuzz_rbac_SOURCES = tests/fuzz/fuzz_rbac.c tests/fuzz/replay.c
tests_fuzz_fuzz_rbac_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_fuzz_rbac_LDADD = $(ENGINE_LIBS)
check_PROGRAMS += tests/fuzz/fuzz_container
tests_fuzz_fuzz_container_SOURCES = tests/fuzz/fuzz_container.c tests/fuzz/replay.c
tests_fuzz_fuzz_container_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_fuzz_container_LDADD = $(ENGINE_LIBS)
check_PROGRAMS += tests/fuzz/fuzz_multipart
tests_fuzz_fuzz_multipart_SOURCES = tests/fuzz/fuzz_multipart.c tests/fuzz/replay.c
tests_fuzz_fuzz_multipart_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_fuzz_multipart_LDADD = $(ENGINE_LIBS)
# New inputs for the engine's targets (tests/fuzz/engine.sh):
#   make fuzz-engine [FUZZ_ENGINE="http2 grpc"] [FUZZ_SECONDS=600] [FUZZ_JOBS=2]
FUZZ_ENGINE = container filter formula geo grpc hnsw_checkpoint http1 http2 json_pick load \
	match multipart path points query rbac sparse sparse_search tokenizer config
fuzz-engine:
	mkdir -p build-fuzz-engine && cd build-fuzz-engine && \
	  top_srcdir='$(abs_top_srcdir)' MAKE='$(MAKE)' \
	  FUZZ_JOBS='$(FUZZ_JOBS)' \
	  sh $(abs_top_srcdir)/tests/fuzz/engine.sh $(FUZZ_SECONDS) $(FUZZ_ENGINE)
.PHONY: fuzz-engine
FUZZ_JOBS = 1
EXTRA_DIST += tests/fuzz/engine.sh
