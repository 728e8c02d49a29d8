/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_API_QUOTA_H
#define ENGINE_API_QUOTA_H

#include "engine/error.h"

#include <stdbool.h>
#include <stdint.h>

/* Quotas of the node (Qdrant 1.19's storage.quotas and /quotas): above a share
 * of memory or disk, updates that store are refused; reads, and what gives room
 * back, go on. A limit that was reached counts until use has fallen
 * margin_percent below it. Any thread. Lock: a leaf. */

struct quota;

struct quota_limits {
    bool is_enabled;
    uint64_t memory_percent; /* 1..100; 0: none */
    uint64_t disk_percent;   /* likewise */
    uint64_t margin_percent; /* 0..100 */
};

#define QUOTA_MARGIN_PERCENT 5 /* where nothing else is said */

struct quota_use {
    uint64_t memory_percent; /* resident, of memory_size */
    uint64_t disk_percent;   /* of the file system of the storage */
    bool is_memory_over, is_disk_over;
};

/* memory_size is what 100 % of memory are; 0: what machine and group allow.
 * Limits that were set by quota_set() before are in quotas.json of `folder`
 * and count more than `limits`. `folder` must outlive it.
 * ENGINE_EINPUT  the file is not understood: named.   ENGINE_ENOMEM. */
enum engine_code
quota_open(const char *folder, const struct quota_limits *limits,
           uint64_t memory_size, struct quota **ret_quota, struct error *reterr)
    __attribute__((warn_unused_result));
void quota_close(struct quota *quota);

/* Writes and sets them; what was reached before is forgotten.
 * ENGINE_ENOSPACE and others  the file cannot be written: nothing changes. */
enum engine_code quota_set(struct quota *quota,
                           const struct quota_limits *limits,
                           struct error *reterr)
    __attribute__((warn_unused_result));

void quota_get(struct quota *quota, struct quota_limits *ret_limits);

/* Looks now. */
void quota_look(struct quota *quota, struct quota_use *ret_use);

/* Whether a limit (0: none) counts, given that it did before. */
bool quota_is_over(uint64_t percent, uint64_t limit, uint64_t margin,
                   bool was_over);

/* ENGINE_ENOSPACE  a limit is reached: names resource, use and limit. Looks at
 * most every QUOTA_LOOK_MS; without limits it costs a load. */
#define QUOTA_LOOK_MS 100
enum engine_code quota_check(struct quota *quota, struct error *reterr)
    __attribute__((warn_unused_result));

#endif /* ENGINE_API_QUOTA_H */
