# SPDX-License-Identifier: Apache-2.0
# Not built by default: make bench/azimuth-bench
EXTRA_PROGRAMS += bench/azimuth-bench
bench_azimuth_bench_SOURCES = \
	bench/azimuth_bench.c \
	bench/command.h bench/option.c bench/option.h \
	bench/timing.c bench/timing.h \
	bench/bodies.c bench/bodies.h bench/decode.c \
	bench/load.c bench/load.h bench/load_http.c bench/load_grpc.c \
	bench/filter.c bench/fill.c bench/fill.h bench/index.c \
	bench/ingest.c bench/ingest.h bench/ingest_post.c \
	bench/churn.c bench/churn_run.h bench/churn_latency.c \
	bench/recover.c bench/rows.c bench/sparse.c bench/multivector.c \
	bench/search.c bench/search_run.h bench/search_build.c \
	bench/search_measure.c bench/search_write.c \
	bench/shelf.c bench/shelf.h \
	bench/npy.c bench/npy.h
bench_azimuth_bench_CFLAGS = $(libengine_a_CFLAGS)
bench_azimuth_bench_LDADD = $(ENGINE_LIBS)
CLEANFILES += bench/azimuth-bench
EXTRA_DIST += bench/requirements.txt bench/README.md \
	bench/search.py bench/filter.py bench/ingest.py bench/churn.py bench/recover.py bench/snapshot.py \
	bench/serve.py bench/measure/serve_bodies.py bench/measure/serve_plot.py \
	bench/engines/client_upload.py bench/measure/client.py \
	bench/many.py bench/index.py bench/engines/edge_index.py bench/measure/fields.py \
	bench/sparse.py bench/engines/edge_sparse.py bench/measure/texts.py \
	bench/multivector.py bench/quantization.py bench/engines/edge_multivector.py \
	bench/measure/tokens.py \
	bench/engines/__init__.py bench/engines/peers.py \
	bench/engines/filter.py bench/engines/filter_peers.py \
	bench/engines/filter_worker.py bench/measure/filter_plot.py \
	bench/measure/filter_run.py \
	bench/measure/families.py \
	bench/engines/worker.py bench/engines/edge_ingest.py \
	bench/engines/churn_worker.py bench/engines/edge_recover.py \
	bench/measure/__init__.py bench/measure/bound.py \
	bench/measure/curve.py bench/measure/dataset.py \
	bench/measure/lid.py bench/measure/machine.py \
	bench/measure/plot.py bench/measure/recall.py \
	bench/measure/synthetic.py bench/measure/table.py
EXTRA_DIST += bench/gateway.sh bench/gateway.py bench/edge/__init__.py \
	bench/edge/apache.py bench/edge/hang.py bench/edge/memory.py \
	bench/edge/logins.lua bench/edge/logins.py \
	bench/edge/peers.py bench/edge/stage.py bench/edge/table.py
# make bench/kernels && bench/kernels cache|memory: ns per row of each variant
EXTRA_PROGRAMS += bench/kernels
bench_kernels_SOURCES = bench/kernels.c
bench_kernels_CFLAGS = $(libengine_a_CFLAGS)
bench_kernels_LDADD = $(ENGINE_LIBS)
CLEANFILES += bench/kernels
# make bench/access && bench/access: ns to find out who asks
EXTRA_PROGRAMS += bench/access
bench_access_SOURCES = bench/access.c
bench_access_CFLAGS = $(libengine_a_CFLAGS)
bench_access_LDADD = $(ENGINE_LIBS)
CLEANFILES += bench/access
# For bench/gateway.sh logins.
EXTRA_PROGRAMS += bench/stub-provider
bench_stub_provider_SOURCES = bench/edge/stub_provider.c \
	tests/unit/oauth/forge.c tests/unit/oauth/forge.h
bench_stub_provider_CFLAGS = $(liboauth_a_CFLAGS)
bench_stub_provider_LDADD = $(OAUTH_LIBS) -lmicrohttpd
CLEANFILES += bench/stub-provider
