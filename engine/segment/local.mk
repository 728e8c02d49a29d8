# SPDX-License-Identifier: Apache-2.0
libengine_a_SOURCES += \
	engine/segment/body.h \
	engine/segment/change.c engine/segment/change.h \
	engine/segment/change_body.h \
	engine/segment/commit.c \
	engine/segment/graph.c \
	engine/segment/ids.c engine/segment/ids.h \
	engine/segment/load.c \
	engine/segment/match.c engine/segment/match.h \
	engine/segment/payload_edit.c engine/segment/payload_edit.h \
	engine/segment/order.c engine/segment/order.h \
	engine/segment/payload.c engine/segment/payload.h \
	engine/segment/queue.c engine/segment/queue.h \
	engine/segment/scroll.c \
	engine/segment/search.c engine/segment/search.h \
	engine/segment/segment.c engine/segment/segment.h \
	engine/segment/vectors.c engine/segment/vectors.h
