# SPDX-License-Identifier: Apache-2.0
# Not built by default: make bench/azimuth-bench
EXTRA_PROGRAMS += bench/azimuth-bench
bench_azimuth_bench_SOURCES = \
	bench/azimuth_bench.c \
	bench/option.c bench/option.h \
	bench/search.c \
	bench/npy.c bench/npy.h
bench_azimuth_bench_CFLAGS = $(libengine_a_CFLAGS)
bench_azimuth_bench_LDADD = $(ENGINE_LIBS)
CLEANFILES += bench/azimuth-bench
EXTRA_DIST += bench/search.py bench/engines/__init__.py \
	bench/requirements.txt bench/README.md
EXTRA_DIST += bench/gateway.sh bench/gateway.py
# make bench/kernels && bench/kernels cache|memory: ns per row of each variant
EXTRA_PROGRAMS += bench/kernels
bench_kernels_SOURCES = bench/kernels.c
bench_kernels_CFLAGS = $(libengine_a_CFLAGS)
bench_kernels_LDADD = $(ENGINE_LIBS)
CLEANFILES += bench/kernels
