/* SPDX-License-Identifier: Apache-2.0
 * azimuth-bench: our side of the benchmarks, one command per file. It prints
 * figures and writes ids; judging them (recall, and against others) is the
 * work of the Python programs beside it. */
#include "bench/command.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *what;
} commands[] = {
    { "search", search_command, "recall and speed of the graph" },
    { "churn", churn_command, "every point replaced over time" },
    { "decode", decode_command, "bodies of upserts to commands" },
    { "filter", filter_command, "recall and speed with filters" },
    { "index", index_command, "payload indexes made beside searches" },
    { "ingest", ingest_command, "acknowledged upserts, in process or by HTTP" },
    { "load", load_command, "requests over REST or gRPC" },
    { "multivector", multivector_command, "MaxSim over texts of tokens" },
    { "recover", recover_command, "after kill -9" },
    { "sparse", sparse_command, "sparse vectors, top k" },
    { "rows", rows_command, "what random rows of memory cost" },
};

static void
print_usage(FILE *file)
{
    fputs("usage: azimuth-bench COMMAND [options]\n", file);
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        fprintf(file, "  %-11s %s\n", commands[i].name, commands[i].what);
    fputs("azimuth-bench COMMAND --help has the options\n", file);
}

int
main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(name, commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    bool is_help = strcmp(name, "--help") == 0;
    print_usage(is_help ? stdout : stderr);
    return is_help ? EXIT_SUCCESS : EXIT_FAILURE;
}
