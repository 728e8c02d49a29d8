/* SPDX-License-Identifier: Apache-2.0
 * azimuthctl: what an administrator does beside the engine. This file knows
 * the names of the commands; each is a file of its own. */
#include <config.h>

#include "tools/command.h"
#include "tools/fault.h"

#include <curl/curl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *what;
} commands[] = {
    { "doctor", command_doctor,
      "looks at this machine: what is wrong, what helps" },
    { "export", command_export,
      "writes a collection to a file, a point per line" },
    { "import", command_import, "reads such a file into a collection" },
    { "backup", command_backup, "brings snapshots to a bucket or a folder" },
    { "restore", command_restore, "brings them back" },
    { "register", command_register,
      "tells the cluster that the service is there" },
    { "deregister", command_deregister, "takes that back" },
};

#define COMMANDS_COUNT (sizeof(commands) / sizeof(commands[0]))

static void
print_help(FILE *to)
{
    fputs("usage: azimuthctl COMMAND [OPTIONS]\n\n", to);
    for (size_t i = 0; i < COMMANDS_COUNT; i++)
        fprintf(to, "  %-11s %s\n", commands[i].name, commands[i].what);
    fputs("\nazimuthctl COMMAND --help has the options. Exit status: 0 done, "
          "1 it could\nnot be done, 2 wrong command line.\n",
          to);
}

int
main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    if (argc < 2) {
        print_help(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        print_help(stdout);
        return EXIT_DONE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        puts("azimuthctl " PACKAGE_VERSION);
        return EXIT_DONE;
    }
    for (size_t i = 0; i < COMMANDS_COUNT; i++) {
        if (strcmp(argv[1], commands[i].name) != 0)
            continue;
        curl_global_init(CURL_GLOBAL_DEFAULT);
        int status = commands[i].run(argc - 1, argv + 1);
        curl_global_cleanup();
        return status;
    }
    fprintf(stderr,
            "azimuthctl: no such command: %s; azimuthctl --help lists "
            "them\n",
            argv[1]);
    return EXIT_USAGE;
}
