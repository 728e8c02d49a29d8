/* SPDX-License-Identifier: Apache-2.0
 * The telemetry's `app`: this program and the machine it runs on. */
#include "engine/api/telemetry.h"

#include "engine/kernel/cpu.h"
#include "engine/kernel/kernel.h"

#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

/* The value of `key` in /etc/os-release, without quotes; "" when it is not
 * there. */
static void
release_read(const char *key, char *ret_text, size_t size)
{
    char line[256];
    size_t key_size = strlen(key);
    ret_text[0] = '\0';
    FILE *file = fopen("/etc/os-release", "re");
    if (file == NULL)
        return;
    while (fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, key, key_size) != 0 || line[key_size] != '=')
            continue;
        const char *value = line + key_size + 1;
        value += strspn(value, "\"'");
        snprintf(ret_text, size, "%.*s", (int)strcspn(value, "\"'\n"), value);
        break;
    }
    fclose(file);
}

/* Qdrant counts both in KiB. */
static uint64_t
ram_size_kib(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
    return pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size >> 10 : 0;
}

static uint64_t
disk_size_kib(const char *path)
{
    struct statvfs disk;
    return statvfs(path, &disk) == 0
               ? (uint64_t)disk.f_blocks * (uint64_t)disk.f_frsize >> 10
               : 0;
}

static void
write_system(struct call *call)
{
    char name[64], version[64], features[256];
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    release_read("ID", name, sizeof(name));
    release_read("VERSION_ID", version, sizeof(version));
    cpu_names(cpu_features(), features, sizeof(features));
    json_key(&call->writer, "system");
    json_object_begin(&call->writer);
    telemetry_text(call, "distribution", name);
    telemetry_text(call, "distribution_version", version);
    json_key(&call->writer, "is_docker");
    json_bool(&call->writer, access("/.dockerenv", F_OK) == 0);
    json_key(&call->writer, "cores");
    json_u64(&call->writer, cores > 0 ? (uint64_t)cores : 1);
    telemetry_number(call, "ram_size", ram_size_kib());
    telemetry_number(call, "disk_size",
                     disk_size_kib(call->api->options.config->storage_path));
    telemetry_text(call, "cpu_flags", features);
    telemetry_text(call, "cpu_endian",
                   __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? "little"
                                                             : "big");
    telemetry_text(call, "kernels", kernel_get()->name);
    json_object_end(&call->writer);
}

static void
write_features(struct call *call)
{
    static const char *const absent[] = { "debug", "service_debug_feature",
                                          "recovery_mode", "gpu", "staging" };
    json_key(&call->writer, "features");
    json_object_begin(&call->writer);
    for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++) {
        json_key(&call->writer, absent[i]);
        json_bool(&call->writer, false);
    }
    json_key(&call->writer, "rocksdb");
    json_bool(&call->writer, true);
    json_object_end(&call->writer);
}

void
telemetry_write_app(struct call *call)
{
    const struct api_options *options = &call->api->options;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    json_object_begin(&call->writer);
    telemetry_text(call, "name", "azimuth");
    telemetry_text(call, "version", options->version);
    telemetry_text(call, "api_version", options->config->api_version);
    telemetry_text(call, "startup", call->api->startup);
    json_key(&call->writer, "uptime_sec");
    json_u64(&call->writer, (uint64_t)now.tv_sec - call->api->start_s);
    if (call->query.details_level >= 1) {
        write_features(call);
        write_system(call);
    }
    json_object_end(&call->writer);
}
