/* SPDX-License-Identifier: Apache-2.0
 * azimuthctl doctor: runs the checks and prints what they found. */
#include "tools/doctor.h"
#include "tools/command.h"
#include "tools/fault.h"
#include "tools/options.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define TEXT_SIZE    512
#define PORT_MAX     65535u
#define STORAGE_PATH "/var/lib/azimuth-engine/storage"

static const char help[] =
    "usage: azimuthctl doctor [OPTIONS]\n\n"
    "Looks at what the engine needs from this machine. Run it as the engine's\n"
    "user. Exit status 1 when something would keep it from starting, or puts\n"
    "data at risk; warnings alone are 0.\n\n"
    "  --storage DIR     storage.storage_path (" STORAGE_PATH ")\n"
    "  --snapshots DIR   storage.snapshots_path, where it is elsewhere\n"
    "  --host ADDRESS    service.host (0.0.0.0)\n"
    "  --http-port N     service.http_port (6333)\n"
    "  --grpc-port N     service.grpc_port (6334)\n"
    "  --running         the engine runs: its ports must be its own\n"
    "  --json            for programs\n";

static const char *const levels[] = { "ok", "warn", "fail" };

void
doctor_say(struct doctor *doctor, enum finding finding, const char *check,
           const char *advice, const char *format, ...)
{
    char text[TEXT_SIZE];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof(text), format, list);
    va_end(list);
    doctor->warn_count += finding == FINDING_WARN;
    doctor->fail_count += finding == FINDING_FAIL;
    if (finding == FINDING_OK)
        advice = NULL;
    if (doctor->is_json) {
        json_array_append_new(doctor->findings,
                              json_pack("{s:s, s:s, s:s, s:s?}", "check", check,
                                        "level", levels[finding], "text", text,
                                        "advice", advice));
        return;
    }
    printf("%-4s  %-10s  %s\n", levels[finding], check, text);
    if (advice != NULL)
        printf("%18s%s\n", "-> ", advice);
}

static int
look(struct doctor *doctor)
{
    doctor->findings = json_array();
    doctor_folder(doctor, "storage", doctor->storage);
    if (doctor->snapshots != NULL)
        doctor_folder(doctor, "snapshots", doctor->snapshots);
    doctor_machine(doctor);
    doctor_ports(doctor);
    if (doctor->is_json) {
        json_t *all = json_pack(
            "{s:i, s:i, s:o}", "warnings", (int)doctor->warn_count, "failures",
            (int)doctor->fail_count, "findings", doctor->findings);
        json_dumpf(all, stdout, JSON_INDENT(2));
        putchar('\n');
        json_decref(all);
    } else {
        json_decref(doctor->findings);
        printf("%u failed, %u warnings\n", doctor->fail_count,
               doctor->warn_count);
    }
    return doctor->fail_count > 0 ? EXIT_FAILED : EXIT_DONE;
}

int
command_doctor(int argc, char **argv)
{
    struct fault fault = { .status = EXIT_FAILED };
    struct doctor doctor = { .storage = STORAGE_PATH,
                             .host = "0.0.0.0",
                             .http_port = 6333,
                             .grpc_port = 6334 };
    const struct option_spec specs[] = {
        { "storage", OPTION_TEXT, &doctor.storage, 0 },
        { "snapshots", OPTION_TEXT, &doctor.snapshots, 0 },
        { "host", OPTION_TEXT, &doctor.host, 0 },
        { "http-port", OPTION_COUNT, &doctor.http_port, PORT_MAX },
        { "grpc-port", OPTION_COUNT, &doctor.grpc_port, PORT_MAX },
        { "running", OPTION_FLAG, &doctor.expects_engine, 0 },
        { "json", OPTION_FLAG, &doctor.is_json, 0 },
    };
    struct options options = {
        specs, sizeof(specs) / sizeof(specs[0]), { NULL }, 0, false
    };
    bool is_done = options_parse(&options, argc, argv, &fault);
    if (is_done && options.wants_help) {
        fputs(help, stdout);
        return EXIT_DONE;
    }
    if (is_done && options.words_count > 0)
        is_done = fault_usage(&fault, "what is '%s'?", options.words[0]);
    return is_done ? look(&doctor) : fault_report(&fault);
}
