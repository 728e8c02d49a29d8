# SPDX-License-Identifier: Apache-2.0
libengine_a_SOURCES += \
	engine/snapshot/body.h \
	engine/snapshot/catalog.c \
	engine/snapshot/container.h engine/snapshot/container_body.h \
	engine/snapshot/container_read.c engine/snapshot/container_write.c \
	engine/snapshot/create.c \
	engine/snapshot/digest.c engine/snapshot/digest.h \
	engine/snapshot/fetch.c engine/snapshot/fetch.h \
	engine/snapshot/file.c engine/snapshot/file.h \
	engine/snapshot/jobs.c \
	engine/snapshot/multipart.c engine/snapshot/multipart.h \
	engine/snapshot/recover.c \
	engine/snapshot/snapshot.c engine/snapshot/snapshot.h \
	engine/snapshot/unpack.c engine/snapshot/unpack.h
EXTRA_DIST += engine/snapshot/README.md
