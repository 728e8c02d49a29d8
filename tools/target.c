/* SPDX-License-Identifier: Apache-2.0
 * Which kind of target a URL names, and what both kinds share. */
#include "tools/target.h"

#include <string.h>

struct target *
target_open(const struct target_options *options, struct fault *reterr)
{
    if (strncmp(options->url, "s3://", 5) == 0)
        return target_s3_open(options, reterr);
    if (strstr(options->url, "://") != NULL) {
        fault_usage(reterr, "'%s' is neither s3://BUCKET/PREFIX nor a folder",
                    options->url);
        return NULL;
    }
    return target_dir_open(options, reterr);
}

void
target_close(struct target *target)
{
    if (target != NULL)
        target->kind->close(target);
}

bool
target_get_text(struct target *target, const char *key, struct bytes *text,
                bool *ret_is_missing, struct fault *reterr)
{
    struct http_reply reply;
    http_reply_init(&reply, TARGET_TEXT_MAX);
    bool is_done = target->kind->get(target, key, &reply, reterr);
    *ret_is_missing = reply.status == 404;
    bytes_release(text);
    if (is_done)
        bytes_add_span(text, bytes_span(&reply.body));
    http_reply_release(&reply);
    if (is_done && bytes_failed(text))
        return fault_set(reterr, "%s is too long", key);
    return is_done;
}
