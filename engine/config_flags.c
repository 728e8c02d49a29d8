/* SPDX-License-Identifier: Apache-2.0
 * The command line, and the order of the sources: defaults, file,
 * environment, flags. */
#include "engine/config.h"

#include <stdio.h>
#include <string.h>

const char config_help[] =
    "usage: azimuthd [OPTION...]\n"
    "  --config-path FILE        YAML file with Qdrant's keys (none)\n"
    "  --storage-path DIR        storage.storage_path (./storage)\n"
    "  --snapshots-path DIR      storage.snapshots_path (./snapshots)\n"
    "  --storage-snapshot FILE   restores all collections of a snapshot of "
    "the\n"
    "                            whole storage before serving\n"
    "  --force-snapshot true     also those that are there already\n"
    "  --host ADDRESS            service.host (0.0.0.0: every network)\n"
    "  --http-port PORT          service.http_port (6333; 0: any free one)\n"
    "  --static-content-dir DIR  service.static_content_dir (./static),\n"
    "                            served at /dashboard\n"
    "  --identity-key-file FILE  service.identity_key_file (none): the keys\n"
    "                            with which the gateway signs who asks\n"
    "  --audit-log FILE          service.audit_log (off); or \"stderr\"\n"
    "  --memory-limit-mb MB      storage.memory_limit_mb (0: what the machine\n"
    "                            allows less a tenth)\n"
    "  --log-level LEVEL         error, warn, info, debug or trace (INFO)\n"
    "  --kernel NAME             distance kernels: auto, plain, avx2, avx512,\n"
    "                            neon, dotprod (storage.kernel; auto)\n"
    "  --uri URI, --bootstrap URI  accepted; this version does not cluster\n"
    "  --check-config            look at all of it, say what is wrong, end\n"
    "  --print-config            print all keys with their values, end\n"
    "  --version, --help\n"
    "Each key can be set by the environment too: QDRANT__SERVICE__HTTP_PORT.\n"
    "Flags win over the environment, the environment over the file.\n";

static const struct {
    const char *flag;
    const char *key; /* NULL: not a key */
} flags[] = {
    { "--config-path", NULL },
    { "--storage-path", "storage.storage_path" },
    { "--snapshots-path", "storage.snapshots_path" },
    { "--storage-snapshot", "storage_snapshot" },
    { "--force-snapshot", "force_snapshot" },
    { "--host", "service.host" },
    { "--http-port", "service.http_port" },
    { "--static-content-dir", "service.static_content_dir" },
    { "--identity-key-file", "service.identity_key_file" },
    { "--audit-log", "service.audit_log" },
    { "--memory-limit-mb", "storage.memory_limit_mb" },
    { "--log-level", "log_level" },
    { "--kernel", "storage.kernel" },
    { "--uri", "uri" },
    { "--bootstrap", "bootstrap" },
};

#define FLAG_COUNT (sizeof(flags) / sizeof(flags[0]))

/* Finds the flag of argv[*index] and its value (`--a b` or `--a=b`). */
static enum engine_code
flag_read(int argc, char **argv, int *index, size_t *ret_flag,
          const char **ret_value, struct error *reterr)
{
    const char *argument = argv[*index];
    size_t size = strcspn(argument, "=");
    for (size_t i = 0; i < FLAG_COUNT; i++) {
        if (strlen(flags[i].flag) != size ||
            strncmp(flags[i].flag, argument, size) != 0)
            continue;
        if (argument[size] == '=')
            *ret_value = argument + size + 1;
        else if (*index + 1 < argc)
            *ret_value = argv[++*index];
        else
            return error_set(reterr, ENGINE_EINPUT, "%s needs a value",
                             argument);
        *ret_flag = i;
        return ENGINE_OK;
    }
    return error_set(reterr, ENGINE_EINPUT,
                     "unknown option %s (--help lists them)", argument);
}

/* What is to be done with the configuration besides serving. */
static bool
action_of(const char *argument, enum config_action *ret_action)
{
    if (strcmp(argument, "--check-config") == 0)
        *ret_action = CONFIG_CHECK;
    else if (strcmp(argument, "--print-config") == 0)
        *ret_action = CONFIG_PRINT;
    else
        return false;
    return true;
}

/* One pass over the command line: with `config` NULL it only looks for
 * --config-path and what needs no configuration. */
static enum engine_code
flags_read(int argc, char **argv, struct server_config *config,
           const char **ret_path, enum config_action *ret_action,
           struct error *reterr)
{
    enum config_action action = CONFIG_SERVE;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            *ret_action = CONFIG_SHOW_HELP;
            return ENGINE_OK;
        }
        if (strcmp(argv[i], "--version") == 0 || strcmp(argv[i], "-V") == 0) {
            *ret_action = CONFIG_SHOW_VERSION;
            return ENGINE_OK;
        }
        if (action_of(argv[i], &action))
            continue;
        size_t flag = 0;
        const char *value = NULL;
        enum engine_code code =
            flag_read(argc, argv, &i, &flag, &value, reterr);
        if (code != ENGINE_OK)
            return code;
        if (flags[flag].key == NULL)
            *ret_path = value;
        else if (config != NULL)
            code = server_config_set(config, flags[flag].key, value,
                                     flags[flag].flag, reterr);
        if (code != ENGINE_OK)
            return code;
    }
    *ret_action = action;
    return ENGINE_OK;
}

enum engine_code
server_config_load(int argc, char **argv, const char *const *environment,
                   struct server_config *ret_config,
                   enum config_action *ret_action, struct error *reterr)
{
    struct server_config config = { 0 };
    enum config_action action = CONFIG_SERVE;
    const char *path = NULL;
    enum engine_code code =
        flags_read(argc, argv, NULL, &path, &action, reterr);
    if (code == ENGINE_OK)
        code = server_config_init(&config, reterr);
    bool is_needed =
        action != CONFIG_SHOW_HELP && action != CONFIG_SHOW_VERSION;
    if (code == ENGINE_OK && is_needed) {
        if (path != NULL)
            code = server_config_read_file(&config, path, reterr);
        if (code == ENGINE_OK)
            code = server_config_read_environment(&config, environment, reterr);
        if (code == ENGINE_OK)
            code = flags_read(argc, argv, &config, &path, &action, reterr);
        if (code == ENGINE_OK)
            code = server_config_read_keys(&config, reterr);
        if (code == ENGINE_OK)
            code = server_config_check(&config, reterr);
    }
    if (code != ENGINE_OK) {
        server_config_release(&config);
        return code;
    }
    *ret_config = config;
    *ret_action = action;
    return ENGINE_OK;
}
