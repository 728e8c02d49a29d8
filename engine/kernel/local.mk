# SPDX-License-Identifier: Apache-2.0
libengine_a_SOURCES += \
	engine/kernel/kernel.c engine/kernel/kernel.h \
	engine/kernel/cpu.c engine/kernel/cpu.h \
	engine/kernel/float_loops.h \
	engine/kernel/f32.c engine/kernel/f32.h \
	engine/kernel/half.h \
	engine/kernel/f16.c engine/kernel/f16.h \
	engine/kernel/u8.c engine/kernel/u8.h \
	engine/kernel/code.c engine/kernel/code.h \
	engine/kernel/maxsim.c engine/kernel/maxsim.h \
	engine/kernel/grid.c engine/kernel/grid.h \
	engine/kernel/hadamard.c engine/kernel/hadamard.h \
	engine/kernel/convert.c engine/kernel/convert.h \
	engine/kernel/bits.c engine/kernel/bits.h
EXTRA_DIST += engine/kernel/README.md

check_PROGRAMS += \
	tests/unit/engine/kernel/test_code \
	tests/unit/engine/kernel/test_grid \
	tests/unit/engine/kernel/test_maxsim \
	tests/unit/engine/kernel/test_kernel \
	tests/unit/engine/kernel/test_cpu \
	tests/unit/engine/kernel/test_f32 \
	tests/unit/engine/kernel/test_f16 \
	tests/unit/engine/kernel/test_u8 \
	tests/unit/engine/kernel/test_convert \
	tests/unit/engine/kernel/test_bits
tests_unit_engine_kernel_test_kernel_SOURCES = \
	tests/unit/engine/kernel/test_kernel.c
tests_unit_engine_kernel_test_kernel_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_kernel_test_kernel_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)
tests_unit_engine_kernel_test_cpu_SOURCES = \
	tests/unit/engine/kernel/test_cpu.c
tests_unit_engine_kernel_test_cpu_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_kernel_test_cpu_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)
tests_unit_engine_kernel_test_f32_SOURCES = \
	tests/unit/engine/kernel/test_f32.c \
	tests/unit/engine/kernel/variants.h
tests_unit_engine_kernel_test_f32_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_kernel_test_f32_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)
tests_unit_engine_kernel_test_f16_SOURCES = \
	tests/unit/engine/kernel/test_f16.c \
	tests/unit/engine/kernel/variants.h
tests_unit_engine_kernel_test_f16_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_kernel_test_f16_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)
tests_unit_engine_kernel_test_u8_SOURCES = \
	tests/unit/engine/kernel/test_u8.c \
	tests/unit/engine/kernel/variants.h
tests_unit_engine_kernel_test_u8_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_kernel_test_u8_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)
tests_unit_engine_kernel_test_code_SOURCES = \
	tests/unit/engine/kernel/test_code.c
tests_unit_engine_kernel_test_code_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_kernel_test_code_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)
tests_unit_engine_kernel_test_convert_SOURCES = \
	tests/unit/engine/kernel/test_convert.c \
	tests/unit/engine/kernel/variants.h
tests_unit_engine_kernel_test_convert_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_kernel_test_convert_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)
tests_unit_engine_kernel_test_bits_SOURCES = \
	tests/unit/engine/kernel/test_bits.c \
	tests/unit/engine/kernel/variants.h
tests_unit_engine_kernel_test_bits_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_kernel_test_bits_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)
tests_unit_engine_kernel_test_grid_SOURCES = \
	tests/unit/engine/kernel/test_grid.c
tests_unit_engine_kernel_test_grid_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_kernel_test_grid_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)
tests_unit_engine_kernel_test_maxsim_SOURCES = \
	tests/unit/engine/kernel/test_maxsim.c \
	tests/unit/engine/kernel/variants.h
tests_unit_engine_kernel_test_maxsim_CFLAGS = \
	$(libengine_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_engine_kernel_test_maxsim_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)
