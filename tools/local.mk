# SPDX-License-Identifier: Apache-2.0
# azimuthctl: a program of its own that knows the engine by its REST API alone.
noinst_LIBRARIES += libtools.a
libtools_a_CFLAGS = $(AM_CFLAGS) $(CURL_CFLAGS) $(JANSSON_CFLAGS) \
	$(OPENSSL_CFLAGS)
libtools_a_SOURCES = tools/backup.c tools/backup.h \
	tools/backup_collection.c tools/backup_index.c tools/command.h \
	tools/doctor.c tools/doctor.h tools/doctor_folder.c \
	tools/doctor_machine.c tools/doctor_ports.c \
	tools/engine.c tools/engine.h tools/export.c \
	tools/fault.c tools/fault.h tools/http.c tools/http.h \
	tools/import.c tools/import.h tools/import_create.c \
	tools/import_points.c tools/kubernetes.c tools/kubernetes.h \
	tools/options.c tools/options.h tools/progress.c tools/progress.h \
	tools/raw.c tools/raw.h tools/register.c tools/register.h \
	tools/register_drivers.c tools/restore.c tools/service.c \
	tools/service.h tools/sha256.c tools/sha256.h tools/target.c \
	tools/target.h tools/target_dir.c tools/target_s3.c
TOOLS_LIBS = libtools.a libbase.a $(CURL_LIBS) $(JANSSON_LIBS) $(OPENSSL_LIBS) \
	-lpthread

bin_PROGRAMS += azimuthctl
azimuthctl_SOURCES = tools/azimuthctl.c
azimuthctl_CFLAGS = $(libtools_a_CFLAGS)
azimuthctl_LDFLAGS = $(AM_LDFLAGS) -pie
azimuthctl_LDADD = $(TOOLS_LIBS)
EXTRA_DIST += tools/README.md tests/tools/api_server.py \
	tests/tools/conftest.py tests/tools/test_doctor.py \
	tests/tools/requirements-s3.txt tests/tools/s3_server.py \
	tests/tools/test_backup.py tests/tools/test_export.py \
	tests/tools/test_register.py

check_PROGRAMS += tests/unit/tools/test_raw tests/unit/tools/test_service \
	tests/unit/tools/test_options
tests_unit_tools_test_raw_SOURCES = tests/unit/tools/test_raw.c
tests_unit_tools_test_raw_CFLAGS = $(libtools_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_tools_test_raw_LDADD = $(TOOLS_LIBS) $(UNIT_LIBS)
tests_unit_tools_test_service_SOURCES = tests/unit/tools/test_service.c
tests_unit_tools_test_service_CFLAGS = $(libtools_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_tools_test_service_LDADD = $(TOOLS_LIBS) $(UNIT_LIBS)
tests_unit_tools_test_options_SOURCES = tests/unit/tools/test_options.c
tests_unit_tools_test_options_CFLAGS = $(libtools_a_CFLAGS) $(UNIT_CFLAGS)
tests_unit_tools_test_options_LDADD = $(TOOLS_LIBS) $(UNIT_LIBS)
check_PROGRAMS += tests/fuzz/fuzz_raw
tests_fuzz_fuzz_raw_SOURCES = tests/fuzz/fuzz_raw.c tests/fuzz/replay.c
tests_fuzz_fuzz_raw_CFLAGS = $(libtools_a_CFLAGS) -Wno-missing-prototypes
tests_fuzz_fuzz_raw_LDADD = $(TOOLS_LIBS)
