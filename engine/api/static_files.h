/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_API_STATIC_FILES_H
#define ENGINE_API_STATIC_FILES_H

#include "engine/api/call.h"

#include <stdbool.h>

/* The files under /dashboard. */

#define STATIC_FILE_SIZE_MAX ((uint64_t)256 << 20)

/* Opens the directory; -1 when it is not there (logged). */
int static_open(const char *directory);

/* Everything below assets/ has a content hash in its name and may be kept for
 * ever by a browser. Answers GET and HEAD of /dashboard...; false when it is
 * another path or there is no such file, and the reply is untouched then. Any
 * thread. */
bool static_serve(struct call *call);

/* ---- parts, for tests ---- */

/* Whether `segment` may be a file or folder name: not empty, no '/', no
 * leading '.', no NUL. */
bool static_is_name(struct span segment);

/* Whether a path that is no file may be an address inside the page, which then
 * gets index.html: names only, and no dot in the last (count > 0). */
bool static_is_page(const struct span *segments, size_t count);

/* By the name's ending; application/octet-stream when unknown. */
const char *static_content_type(const char *path);

#endif /* ENGINE_API_STATIC_FILES_H */
