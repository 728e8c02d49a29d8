# SPDX-License-Identifier: Apache-2.0
libengine_a_SOURCES += engine/wire/charge.c engine/wire/charge.h \
	engine/wire/executor.c engine/wire/executor.h \
	engine/wire/framing.c engine/wire/framing.h engine/wire/http1.c \
	engine/wire/http1_answer.c engine/wire/http1_store.c engine/wire/http1_exchange.c \
	engine/wire/http1_exchange.h \
	engine/wire/grpc_frame.c engine/wire/grpc_frame.h \
	engine/wire/http2.c engine/wire/http2.h engine/wire/http2_answer.c \
	engine/wire/http2_run.c engine/wire/http2_session.c \
	engine/wire/http2_stream.c \
	engine/wire/http2_stream.h \
	engine/wire/tls.c engine/wire/tls.h engine/wire/tls_link.c \
	engine/wire/listener.c engine/wire/loop.c engine/wire/loop.h \
	engine/wire/wire.c engine/wire/wire.h

check_PROGRAMS += tests/unit/engine/wire/test_wire
tests_unit_engine_wire_test_wire_SOURCES = tests/unit/engine/wire/test_wire.c
tests_unit_engine_wire_test_wire_CFLAGS = $(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_wire_test_wire_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/engine/wire/test_executor
tests_unit_engine_wire_test_executor_SOURCES = \
	tests/unit/engine/wire/test_executor.c
tests_unit_engine_wire_test_executor_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_wire_test_executor_LDADD = \
	$(ENGINE_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/engine/wire/test_grpc_frame
tests_unit_engine_wire_test_grpc_frame_SOURCES = \
	tests/unit/engine/wire/test_grpc_frame.c
tests_unit_engine_wire_test_grpc_frame_CFLAGS = $(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_wire_test_grpc_frame_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)
