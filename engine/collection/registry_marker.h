/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_COLLECTION_REGISTRY_MARKER_H
#define ENGINE_COLLECTION_REGISTRY_MARKER_H

#include "base/bytes.h"
#include "engine/error.h"

#include <stdbool.h>

/* The file by which a folder says how far its restore came, and which other it
 * replaces (registry_restore.c). One thread per folder. */

/* The name of a folder, with NUL. */
#define REGISTRY_FOLDER_SIZE 32

/* Whether it is a name of a collection's folder. */
bool registry_is_folder_name(const char *name);

/* The path of another folder beside this one; bytes_failed(): no memory. */
void registry_path_beside(const char *folder, const char *name,
                          struct bytes *path);

/* `restoring`, durably: what `folder` would replace; "-": nothing.
 * ENGINE_ENOSPACE, ENGINE_EINTERNAL, ENGINE_ENOMEM */
enum engine_code registry_marker_write(const char *folder, const char *replaced,
                                       struct error *reterr)
    __attribute__((warn_unused_result));

bool registry_marker_is_undecided(const char *folder);

/* The moment that decides: `restoring` becomes `restored`. ret_is_durable: false
 * where the sync after it failed; a start may find `restoring`. */
enum engine_code registry_marker_decide(const char *folder,
                                        bool *ret_is_durable,
                                        struct error *reterr)
    __attribute__((warn_unused_result));

/* Writes `restored` once more, where it was not durable: what was lost, a second
 * sync alone may call well. ENGINE_ENOTFOUND  there is none; else as
 * registry_marker_write() and registry_marker_read(). */
enum engine_code registry_marker_renew(const char *folder, struct error *reterr)
    __attribute__((warn_unused_result));

/* The name in `restored`; empty: there is no such marker. ENGINE_ECORRUPT  not a
 * bit of it is believed. ENGINE_EINTERNAL, ENGINE_ENOMEM */
enum engine_code registry_marker_read(const char *folder,
                                      char name[REGISTRY_FOLDER_SIZE],
                                      struct error *reterr)
    __attribute__((warn_unused_result));

/* Removes `restored`: what it named is gone. */
void registry_marker_clear(const char *folder);

#endif /* ENGINE_COLLECTION_REGISTRY_MARKER_H */
