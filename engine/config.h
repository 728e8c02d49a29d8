/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_CONFIG_H
#define ENGINE_CONFIG_H

#include "engine/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The process's configuration: flags over environment (QDRANT__A__B) over a
 * YAML file over defaults. Keys are Qdrant's where Qdrant has them, written
 * with dots (`service.http_port`). Filled once at start, constant after. */

#define CONFIG_FILE_SIZE_MAX ((size_t)1 << 20)
#define CONFIG_DEPTH_MAX     16  /* of the YAML file */
#define CONFIG_ORIGINS_MAX   64  /* service.cors_allowed_origins */
#define CONFIG_WARNINGS_MAX  100 /* more are only counted */
#define CONFIG_DEFAULTS_MAX  64  /* keys about new collections */

/* What a create body has where it does not say itself: the place in it, with
 * dots, and the value's JSON. */
struct config_default {
    char *key; /* the configuration's own name for it */
    char *place;
    char *json;
};

struct server_config {
    char *storage_path;
    char *snapshots_path;
    uint64_t snapshot_size_max_mb; /* of one that is uploaded or downloaded */
    bool may_fetch_snapshots;      /* from http:// and https:// */
    char *storage_snapshot;        /* restored at the start; NULL: none */
    bool replaces_by_snapshot;     /* what is there already */
    uint64_t search_threads;       /* executor; 0: one per core */
    uint64_t io_threads;           /* loops; 0: one per core */
    uint64_t background_threads;   /* graph linking; 0: one per core */
    uint64_t checkpoint_interval_s;
    uint64_t memory_limit_mb;   /* 0: what machine and control group allow */
    uint64_t request_memory_mb; /* of all requests; 0: a quarter of that */
    uint64_t block_cache_mb;
    char *host;
    uint64_t http_port;
    uint64_t grpc_port;
    uint64_t request_size_max_mb;
    uint64_t connections_max;
    uint64_t in_flight_max;
    uint64_t idle_timeout_s;
    uint64_t drain_timeout_s;
    uint64_t slow_query_ms; /* searches that take longer are logged; 0: none */
    bool has_static_content;
    char *static_content_dir;
    bool has_cors;
    char *cors_origins[CONFIG_ORIGINS_MAX]; /* none: any origin */
    size_t cors_origins_count;
    char *api_key; /* NULL: no key is asked for */
    char *alt_api_key;
    char *read_only_api_key;
    char *api_key_file; /* each in the place of its key; NULL: none */
    char *alt_api_key_file;
    char *read_only_api_key_file;
    bool has_tls; /* both ports */
    bool verifies_clients;
    char *tls_cert;
    char *tls_key;
    char *tls_ca_cert;
    uint64_t tls_ttl_s;
    bool has_quotas;               /* storage.quotas.enabled */
    uint64_t quota_memory_percent; /* 0: none */
    uint64_t quota_disk_percent;
    uint64_t quota_margin_percent;
    bool has_jwt_rbac;          /* tokens signed by a key are believed */
    char *identity_key_file;    /* shared with the gateway; NULL: none */
    char *audit_log;            /* path or "stderr"; NULL: off */
    bool audits_reads;          /* else changes and denials only */
    uint64_t audit_size_max_mb; /* a new file then; 0: never by size */
    char *audit_rotation;       /* "daily" or "hourly"; NULL: never by time */
    uint64_t audit_files_max;   /* old ones that are kept */
    bool has_audit; /* Qdrant's way to say audit_log: in audit_dir */
    char *audit_dir;
    char *metrics_prefix;     /* NULL: none */
    bool has_exemplars;       /* in OpenMetrics */
    uint64_t recall_permille; /* of a core, for the recall monitor; 0: off */
    uint64_t collections_max; /* 0: any number */
    struct config_default defaults[CONFIG_DEFAULTS_MAX];
    size_t defaults_count;
    char *api_version; /* what GET / answers */
    char *log_level;
    char *log_format;
    bool has_log_file;
    char *log_file;       /* with has_log_file */
    char *log_file_level; /* NULL: as log_level; likewise */
    char *log_file_format;
    char *kernel;
    bool is_telemetry_disabled;
    bool is_cluster_enabled; /* one node that calls itself a cluster */
    char *uri;               /* --uri, --bootstrap: accepted, not clustered */
    char *bootstrap;
    char *warnings[CONFIG_WARNINGS_MAX];
    size_t warnings_count;
};

/* What the command line asks for. */
enum config_action {
    CONFIG_SERVE,
    CONFIG_SHOW_HELP,
    CONFIG_SHOW_VERSION,
    CONFIG_CHECK, /* --check-config */
    CONFIG_PRINT  /* --print-config */
};

/* Reads everything. `environment` is a NULL-terminated list of NAME=VALUE.
 * ENGINE_EINPUT names origin (flag, variable, or file and line), key, value
 * and what is allowed. Undone by server_config_release(). */
enum engine_code
server_config_load(int argc, char **argv, const char *const *environment,
                   struct server_config *ret_config,
                   enum config_action *ret_action, struct error *reterr)
    __attribute__((warn_unused_result));

/* Puts keys from files (service.api_key_file, ...) in their places.
 * ENGINE_EINPUT  names file and cause. */
enum engine_code server_config_read_keys(struct server_config *config,
                                         struct error *reterr)
    __attribute__((warn_unused_result));

/* Overwrites the values of secrets in the environment of the process, which
 * others of the same user can see (ps e). */
void server_config_hide(char **environment);

/* Secrets are overwritten. */
void server_config_release(struct server_config *config);

/* All keys with their values as YAML, in `out`; secrets are "***". */
struct bytes;
void server_config_print(struct server_config *config, struct bytes *out);

/* What keys need of each other and of the machine, after the last source:
 * prefixes, formats, the file system of the storage. ENGINE_EINPUT names the
 * key. */
enum engine_code server_config_check(struct server_config *config,
                                     struct error *reterr)
    __attribute__((warn_unused_result));

/* The flags, one per line, for --help. */
extern const char config_help[];

/* ---- the steps, for server_config_load() and tests ---- */

/* Every key at its default. ENGINE_ENOMEM. */
enum engine_code server_config_init(struct server_config *ret_config,
                                    struct error *reterr)
    __attribute__((warn_unused_result));

/* One `key`. An unknown one is ENGINE_EINPUT with the one that may have been
 * meant; one of Qdrant's that means nothing here adds a warning that names it.
 * An empty value leaves the default. A list key gets one more item for each
 * call. */
enum engine_code server_config_set(struct server_config *config,
                                   const char *key, const char *value,
                                   const char *origin, struct error *reterr)
    __attribute__((warn_unused_result));

/* Empties a list key before a source of higher rank sets it again; nothing
 * for other keys. */
void server_config_clear(struct server_config *config, const char *key);

/* The name of a file system that no storage may be on, by the f_type of
 * statfs(2); NULL: it may. */
const char *config_refused_system(unsigned long magic);

/* All of a YAML file. */
enum engine_code server_config_read_file(struct server_config *config,
                                         const char *path, struct error *reterr)
    __attribute__((warn_unused_result));

/* QDRANT__SERVICE__HTTP_PORT=6333 and the like. Lists are split at commas. */
enum engine_code server_config_read_environment(struct server_config *config,
                                                const char *const *environment,
                                                struct error *reterr)
    __attribute__((warn_unused_result));

#endif /* ENGINE_CONFIG_H */
