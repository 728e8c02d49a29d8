# SPDX-License-Identifier: Apache-2.0
libengine_a_SOURCES += engine/wire/executor.c engine/wire/executor.h \
	engine/wire/http1.c engine/wire/listener.c engine/wire/loop.c \
	engine/wire/loop.h engine/wire/wire.c engine/wire/wire.h
