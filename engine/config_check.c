/* SPDX-License-Identifier: Apache-2.0
 * What keys need of each other and of the machine. */
#include "engine/config.h"

#include "engine/log.h"
#include "engine/metrics_text.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>

/* Where locks, syncs and mapped files are not what a database needs. Not in
 * linux/magic.h: */
#define CIFS_MAGIC 0xff534d42
#define SMB2_MAGIC 0xfe534d42

static const struct {
    unsigned long magic;
    const char *name;
} refused_systems[] = {
    { NFS_SUPER_MAGIC, "NFS" }, { SMB_SUPER_MAGIC, "SMB" },
    { CIFS_MAGIC, "CIFS" },     { SMB2_MAGIC, "SMB" },
    { AFS_SUPER_MAGIC, "AFS" }, { CODA_SUPER_MAGIC, "Coda" },
    { V9FS_MAGIC, "9p" },
};

const char *
config_refused_system(unsigned long magic)
{
    for (size_t i = 0; i < sizeof(refused_systems) / sizeof(refused_systems[0]);
         i++) {
        if (refused_systems[i].magic == magic)
            return refused_systems[i].name;
    }
    return NULL;
}

/* The folder, or the nearest one above it that is there. */
static bool
system_of(const char *path, struct statfs *ret_system)
{
    char above[4096];
    if (snprintf(above, sizeof(above), "%s", path) >= (int)sizeof(above))
        return false;
    for (;;) {
        if (statfs(above, ret_system) == 0)
            return true;
        char *slash = strrchr(above, '/');
        if (errno != ENOENT)
            return false;
        if (slash == NULL)
            return statfs(".", ret_system) == 0;
        slash[slash == above ? 1 : 0] = '\0';
        if (slash == above)
            return statfs("/", ret_system) == 0;
    }
}

static enum engine_code
check_storage(const struct server_config *config, struct error *reterr)
{
    struct statfs system;
    if (!system_of(config->storage_path, &system))
        return ENGINE_OK; /* opening it says why */
    const char *name = config_refused_system((unsigned long)system.f_type);
    if (name == NULL)
        return ENGINE_OK;
    return error_set(reterr, ENGINE_EINPUT,
                     "storage.storage_path %s is on %s: locks and syncs of "
                     "network file systems lose data; use a local disk or a "
                     "block device",
                     config->storage_path, name);
}

static enum engine_code
check_words(const struct server_config *config, struct error *reterr)
{
    const struct {
        const char *key, *value;
        bool is_level;
    } words[] = {
        { "log_level", config->log_level, true },
        { "logger.format", config->log_format, false },
        { "logger.on_disk.log_level", config->log_file_level, true },
        { "logger.on_disk.format", config->log_file_format, false },
    };
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        enum log_level level;
        enum log_format format;
        if (words[i].value == NULL)
            continue;
        if (words[i].is_level && !log_level_parse(words[i].value, &level))
            return error_set(reterr, ENGINE_EINPUT,
                             "%s = \"%s\" must be error, warn, info, debug or "
                             "trace",
                             words[i].key, words[i].value);
        if (!words[i].is_level && !log_format_parse(words[i].value, &format))
            return error_set(reterr, ENGINE_EINPUT,
                             "%s = \"%s\" must be text or json", words[i].key,
                             words[i].value);
    }
    if (config->has_log_file && config->log_file == NULL)
        return error_set(
            reterr, ENGINE_EINPUT,
            "logger.on_disk.enabled needs logger.on_disk.log_file");
    return ENGINE_OK;
}

static enum engine_code
check_audit(struct server_config *config, struct error *reterr)
{
    const char *rotation = config->audit_rotation;
    if (rotation != NULL && strcmp(rotation, "daily") != 0 &&
        strcmp(rotation, "hourly") != 0)
        return error_set(reterr, ENGINE_EINPUT,
                         "audit.rotation = \"%s\" must be daily or hourly",
                         rotation);
    if (!config->has_audit || config->audit_log != NULL)
        return ENGINE_OK;
    /* Qdrant's default. */
    if (rotation == NULL)
        config->audit_rotation = strdup("daily");
    size_t size = strlen(config->audit_dir) + sizeof("/audit.log");
    config->audit_log = malloc(size);
    if (config->audit_log == NULL || config->audit_rotation == NULL)
        return error_memory(reterr);
    snprintf(config->audit_log, size, "%s/audit.log", config->audit_dir);
    return ENGINE_OK;
}

/* What would leave the server open though somebody meant to close it. */
static enum engine_code
check_doors(const struct server_config *config, struct error *reterr)
{
    if (config->has_jwt_rbac && config->api_key == NULL &&
        config->alt_api_key == NULL)
        return error_set(reterr, ENGINE_EINPUT,
                         "service.jwt_rbac needs service.api_key (or "
                         "alt_api_key), which signs the tokens; without it the "
                         "server would be open");
    if (config->verifies_clients && !config->has_tls)
        return error_set(reterr, ENGINE_EINPUT,
                         "service.verify_https_client_certificate needs "
                         "service.enable_tls; without it everybody is served");
    return ENGINE_OK;
}

enum engine_code
server_config_check(struct server_config *config, struct error *reterr)
{
    enum engine_code code = check_words(config, reterr);
    if (code == ENGINE_OK)
        code = check_doors(config, reterr);
    if (code == ENGINE_OK && config->metrics_prefix != NULL &&
        !metrics_prefix_is_valid(config->metrics_prefix))
        code = error_set(reterr, ENGINE_EINPUT,
                         "service.metrics_prefix = \"%s\" may hold letters, "
                         "digits and \"_\", at most %d, and begins with no "
                         "digit",
                         config->metrics_prefix, METRICS_PREFIX_SIZE_MAX);
    if (code == ENGINE_OK)
        code = check_audit(config, reterr);
    if (code == ENGINE_OK)
        code = check_storage(config, reterr);
    return code;
}
