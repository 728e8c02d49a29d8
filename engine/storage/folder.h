/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_STORAGE_FOLDER_H
#define ENGINE_STORAGE_FOLDER_H

#include "base/bytes.h"
#include "engine/error.h"

/* Folders that survive power loss: a name is on the disk only once the folder
 * that holds it is synced. Any thread. */

/* The path of what is called `name` in a folder; `path` is the caller's to
 * release, also after ENGINE_ENOMEM. */
enum engine_code folder_path(const char *folder, const char *name,
                             struct bytes *ret_path, struct error *reterr)
    __attribute__((warn_unused_result));

/* Makes a folder for this user alone, or leaves the one that is there; either
 * way its name is on the disk then. ENGINE_ENOSPACE, ENGINE_EINTERNAL */
enum engine_code folder_make(const char *path, struct error *reterr)
    __attribute__((warn_unused_result));

/* The same with those above it that are missing. Ones that are there may be
 * others', and not to be read: they stay as they are. */
enum engine_code folder_make_all(const char *path, struct error *reterr)
    __attribute__((warn_unused_result));

/* Puts what happened to the name of `path` on the disk: that it was made,
 * renamed or removed. Errors as folder_make(). */
enum engine_code folder_sync_parent(const char *path, struct error *reterr)
    __attribute__((warn_unused_result));

/* Removes a folder with all that is in it; none there is fine. Follows no
 * links. ENGINE_EINTERNAL  names what stays. */
enum engine_code folder_remove(const char *path, struct error *reterr)
    __attribute__((warn_unused_result));

/* Syncs a folder itself: names that were made, renamed or removed in it. */
enum engine_code folder_sync(const char *path, struct error *reterr)
    __attribute__((warn_unused_result));

/* The same with all files and folders in it. */
enum engine_code folder_sync_all(const char *path, struct error *reterr)
    __attribute__((warn_unused_result));

/* Gives the file `from` a second name, `to`. ENGINE_ENOTFOUND  there is no
 * `from`; else as folder_make(). */
enum engine_code folder_link(const char *from, const char *to,
                             struct error *reterr)
    __attribute__((warn_unused_result));

#endif /* ENGINE_STORAGE_FOLDER_H */
