/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOOLS_REGISTER_H
#define TOOLS_REGISTER_H

#include "tools/kubernetes.h"
#include "tools/service.h"

#include <stdbool.h>
#include <stdint.h>

/* Where a registration goes: a ConfigMap of the cluster, or a file on a host
 * that has none. */

struct register_run {
    struct service_options service;
    struct kubernetes_options kubernetes_options;
    const char *driver; /* kubernetes, file; NULL: by the surroundings */
    const char *to;     /* folder of the file */
    uint64_t watch_s;   /* 0: once */
    bool is_forced;
    bool is_printed;
    bool ends_with_deregister;
    struct kubernetes kubernetes;
    struct bytes text;
    char version[64]; /* the object's, as it was left */
};

/* Both: *ret_is_changed says whether anything was different before. */
bool register_apply(struct register_run *run, bool *ret_is_changed,
                    struct fault *reterr) __attribute__((warn_unused_result));
bool register_remove(struct register_run *run, bool *ret_is_changed,
                     struct fault *reterr) __attribute__((warn_unused_result));

#endif /* TOOLS_REGISTER_H */
