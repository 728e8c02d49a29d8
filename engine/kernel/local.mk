# SPDX-License-Identifier: Apache-2.0
libengine_a_SOURCES += \
	engine/kernel/kernel.c engine/kernel/kernel.h \
	engine/kernel/f32.c engine/kernel/f32.h

check_PROGRAMS += \
	tests/unit/engine/kernel/test_kernel \
	tests/unit/engine/kernel/test_f32
tests_unit_engine_kernel_test_kernel_SOURCES = \
	tests/unit/engine/kernel/test_kernel.c
tests_unit_engine_kernel_test_kernel_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_kernel_test_kernel_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)
tests_unit_engine_kernel_test_f32_SOURCES = \
	tests/unit/engine/kernel/test_f32.c
tests_unit_engine_kernel_test_f32_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_kernel_test_f32_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)
