/* SPDX-License-Identifier: Apache-2.0
 * The text of a marker; the sum is XXH3 of 64 bits of the first line:
 *
 *   replaced 00000012
 *   xxh3 0123456789abcdef
 *
 * Before there were sums it was the name alone. Such a one is believed where
 * the folder that it names holds a collection of the same name, or is gone: no
 * bit of it may let a start remove somebody else's. */
#include "engine/collection/registry_marker.h"

#include "engine/codec/hex.h"
#include "engine/collection/definition.h"
#include "engine/storage/checkpoint.h"
#include "engine/storage/folder.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <xxhash.h>

#define PATH_SIZE_MAX   4096
#define TEXT_SIZE_MAX   128
#define NAME_ARENA_SIZE (4 * DEFINITION_SIZE_MAX)

static const char prefix[] = "replaced ";

bool
registry_is_folder_name(const char *name)
{
    return name[0] != '\0' && name[strspn(name, "0123456789")] == '\0';
}

void
registry_path_beside(const char *folder, const char *name, struct bytes *path)
{
    bytes_init(path, PATH_SIZE_MAX);
    bytes_addf(path, "%.*s/%s", (int)(strrchr(folder, '/') - folder), folder,
               name);
}

static void
write_text(struct span replaced, struct bytes *text)
{
    char sum[2 * sizeof(uint64_t) + 1];
    XXH64_canonical_t raw;
    bytes_init(text, TEXT_SIZE_MAX);
    bytes_addf(text, "%s%.*s\n", prefix, (int)replaced.size, replaced.data);
    if (bytes_failed(text))
        return;
    XXH64_canonicalFromHash(&raw, XXH3_64bits(text->data, text->size));
    hex_text(&raw, sizeof(raw), sum);
    bytes_addf(text, "xxh3 %s\n", sum);
}

static enum engine_code
write_marker(const char *folder, const char *marker, const char *replaced,
             struct error *reterr)
{
    struct bytes path, text;
    assert(replaced[0] != '\0' && strlen(replaced) < REGISTRY_FOLDER_SIZE);
    write_text(span_of(replaced), &text);
    enum engine_code code = folder_path(folder, marker, &path, reterr);
    if (code == ENGINE_OK && bytes_failed(&text))
        code = error_memory(reterr);
    if (code == ENGINE_OK)
        code = checkpoint_write(path.data, bytes_span(&text), reterr);
    bytes_release(&path);
    bytes_release(&text);
    return code;
}

enum engine_code
registry_marker_write(const char *folder, const char *replaced,
                      struct error *reterr)
{
    return write_marker(folder, "restoring", replaced, reterr);
}

enum engine_code
registry_marker_renew(const char *folder, struct error *reterr)
{
    char name[REGISTRY_FOLDER_SIZE];
    enum engine_code code = registry_marker_read(folder, name, reterr);
    if (code != ENGINE_OK)
        return code;
    if (name[0] == '\0')
        return error_set(reterr, ENGINE_ENOTFOUND, "%s has no marker", folder);
    return write_marker(folder, "restored", name, reterr);
}

bool
registry_marker_is_undecided(const char *folder)
{
    struct bytes path;
    bool is_there =
        folder_path(folder, "restoring", &path, NULL) == ENGINE_OK &&
        access(path.data, F_OK) == 0;
    bytes_release(&path);
    return is_there;
}

enum engine_code
registry_marker_decide(const char *folder, bool *ret_is_durable,
                       struct error *reterr)
{
    struct bytes from, to;
    enum engine_code code = folder_path(folder, "restoring", &from, reterr);
    bytes_init(&to, 1);
    if (code == ENGINE_OK)
        code = folder_path(folder, "restored", &to, reterr);
    if (code == ENGINE_OK && rename(from.data, to.data) != 0)
        code = error_set(reterr,
                         errno == ENOSPC || errno == EDQUOT ? ENGINE_ENOSPACE
                                                            : ENGINE_EINTERNAL,
                         "cannot rename %s: %s", from.data, strerror(errno));
    /* When only the sync fails, it is decided in this process' life. */
    if (code == ENGINE_OK)
        *ret_is_durable = folder_sync(folder, NULL) == ENGINE_OK;
    bytes_release(&from);
    bytes_release(&to);
    return code;
}

void
registry_marker_clear(const char *folder)
{
    struct bytes path;
    if (folder_path(folder, "restored", &path, NULL) == ENGINE_OK &&
        unlink(path.data) == 0)
        (void)!folder_sync(folder, NULL);
    bytes_release(&path);
}

/* ---- reading ---- */

/* The name in a text that is, to the bit, what is written for it; `data` NULL:
 * it is something else. */
static struct span
summed_name(struct span text)
{
    struct bytes own;
    struct span name = { NULL, 0 };
    if (!span_starts(text, prefix))
        return name;
    const char *end = memchr(text.data, '\n', text.size);
    if (end == NULL)
        return name;
    struct span found = { text.data + sizeof(prefix) - 1, 0 };
    found.size = (size_t)(end - found.data);
    write_text(found, &own);
    if (!bytes_failed(&own) && span_equal(bytes_span(&own), text))
        name = found;
    bytes_release(&own);
    return name;
}

/* Whether a marker without a sum may mean this folder beside `folder`. */
static bool
is_plausible(const char *folder, const char *name)
{
    struct arena arena;
    struct bytes beside;
    if (strcmp(name, "-") == 0)
        return true;
    if (!registry_is_folder_name(name))
        return false;
    arena_init(&arena, NAME_ARENA_SIZE);
    registry_path_beside(folder, name, &beside);
    bool is_same = false;
    if (!bytes_failed(&beside)) {
        struct span own = definition_name(folder, &arena);
        is_same = access(beside.data, F_OK) != 0 ||
                  (own.size > 0 &&
                   span_equal(own, definition_name(beside.data, &arena)));
    }
    bytes_release(&beside);
    arena_release(&arena);
    return is_same;
}

static enum engine_code
take_name(const char *folder, struct span text, char name[REGISTRY_FOLDER_SIZE],
          struct error *reterr)
{
    struct span found = summed_name(text);
    bool has_sum = found.data != NULL;
    if (!has_sum)
        found = text;
    if (found.size > 0 && found.size < REGISTRY_FOLDER_SIZE) {
        memcpy(name, found.data, found.size);
        name[found.size] = '\0';
        if (has_sum || is_plausible(folder, name))
            return ENGINE_OK;
    }
    name[0] = '\0';
    return error_set(reterr, ENGINE_ECORRUPT,
                     "%s/restored is damaged: it names no folder that was "
                     "replaced",
                     folder);
}

enum engine_code
registry_marker_read(const char *folder, char name[REGISTRY_FOLDER_SIZE],
                     struct error *reterr)
{
    struct bytes path, text;
    name[0] = '\0';
    bytes_init(&text, 1);
    enum engine_code code = folder_path(folder, "restored", &path, reterr);
    if (code == ENGINE_OK)
        code = checkpoint_read_all(path.data, TEXT_SIZE_MAX, &text, reterr);
    if (code == ENGINE_OK)
        code = take_name(folder, bytes_span(&text), name, reterr);
    else if (code == ENGINE_ENOTFOUND)
        code = ENGINE_OK;
    bytes_release(&path);
    bytes_release(&text);
    return code;
}
