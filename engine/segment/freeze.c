/* SPDX-License-Identifier: Apache-2.0
 * A segment's files of one moment, shared with it by hard links. Checkpoints
 * are linked first: one that is older than the points is what a start-up
 * expects, one that is newer it would refuse. */
#include "engine/segment/body.h"
#include "engine/storage/folder.h"

static enum engine_code
link_graph(const struct segment *segment, size_t number, const char *folder,
           struct error *reterr)
{
    struct bytes from, to;
    enum engine_code code = ENGINE_OK;
    bytes_init(&from, SEGMENT_PATH_SIZE_MAX);
    bytes_init(&to, SEGMENT_PATH_SIZE_MAX);
    bytes_addf(&from, "%s/graph-%zu", segment->path, number);
    bytes_addf(&to, "%s/graph-%zu", folder, number);
    if (bytes_failed(&from) || bytes_failed(&to))
        code = error_memory(reterr);
    else
        code = folder_link(from.data, to.data, reterr);
    if (code == ENGINE_ENOTFOUND)
        code = ENGINE_OK; /* it has no checkpoint */
    bytes_release(&from);
    bytes_release(&to);
    return code;
}

enum engine_code
segment_freeze(struct segment *segment, const char *folder,
               struct error *reterr)
{
    enum engine_code code = ENGINE_OK;
    for (size_t i = 0; code == ENGINE_OK && i < segment->vectors_count; i++)
        code = link_graph(segment, i, folder, reterr);
    struct bytes path;
    bytes_init(&path, SEGMENT_PATH_SIZE_MAX);
    bytes_addf(&path, "%s/store", folder);
    if (code == ENGINE_OK && bytes_failed(&path))
        code = error_memory(reterr);
    if (code == ENGINE_OK)
        code = store_snapshot(segment->store, path.data, reterr);
    bytes_release(&path);
    return code;
}
