# SPDX-License-Identifier: Apache-2.0
libengine_a_SOURCES += \
	engine/codec/json_read.c engine/codec/json_read.h \
	engine/codec/json_write.c engine/codec/json_write.h \
	engine/codec/point_id.c engine/codec/point_id.h
