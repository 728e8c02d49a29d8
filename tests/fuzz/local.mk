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
check_PROGRAMS += tests/fuzz/fuzz_grpc tests/fuzz/fuzz_http2
tests_fuzz_fuzz_grpc_SOURCES = tests/fuzz/fuzz_grpc.c tests/fuzz/replay.c
tests_fuzz_fuzz_grpc_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_fuzz_grpc_LDADD = $(ENGINE_LIBS)
tests_fuzz_fuzz_http2_SOURCES = tests/fuzz/fuzz_http2.c tests/fuzz/replay.c
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
