/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOOLS_DOCTOR_H
#define TOOLS_DOCTOR_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* Looks at one machine. Each check says what it saw and, when that is not
 * good, one line of what to do. Nothing is changed but a file of 4 KiB that is
 * written and removed in the storage folder. */

enum finding {
    FINDING_OK,
    FINDING_WARN, /* it works, and worse than it could */
    FINDING_FAIL, /* it does not start, or data is at risk */
};

struct doctor {
    const char *storage;
    const char *snapshots; /* NULL: none of its own */
    const char *host;      /* that the ports are bound on */
    uint64_t http_port;
    uint64_t grpc_port;
    bool is_json;
    bool expects_engine; /* ports are taken, and by azimuthd */
    json_t *findings;    /* of --json */
    unsigned warn_count;
    unsigned fail_count;
};

/* `advice` is NULL for FINDING_OK. */
void doctor_say(struct doctor *doctor, enum finding finding, const char *check,
                const char *advice, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* Folders: rights, file system, space, speed of a sync. */
void doctor_folder(struct doctor *doctor, const char *check, const char *path);

/* The machine: open files, maps, memory, huge pages, processor, clock. */
void doctor_machine(struct doctor *doctor);

/* Both ports. */
void doctor_ports(struct doctor *doctor);

#endif /* TOOLS_DOCTOR_H */
