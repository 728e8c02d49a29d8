# SPDX-License-Identifier: Apache-2.0
libengine_a_SOURCES += \
	engine/index/slab.c engine/index/slab.h \
	engine/index/slotset.c engine/index/slotset.h \
	engine/index/plain.c engine/index/plain.h \
	engine/index/hnsw.c engine/index/hnsw.h \
	engine/index/hnsw_graph.h \
	engine/index/hnsw_scratch.c engine/index/hnsw_scratch.h \
	engine/index/hnsw_search.c \
	engine/index/hnsw_insert.c \
	engine/index/hnsw_checkpoint.c
EXTRA_DIST += engine/index/README.md
