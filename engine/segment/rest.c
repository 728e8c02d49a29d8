/* SPDX-License-Identifier: Apache-2.0
 * Segments without points: their store is closed while nobody changes them, and
 * stays closed at the next start. The store's note says what is not in the
 * options: the sequence number, and that the numbers of vector names are those
 * of their order. */
#include "engine/segment/body.h"

#include <assert.h>
#include <string.h>

#include <xxhash.h>

#define NOTE_SIZE 16

/* Goes on from `hash` with one more name. */
static uint64_t
hash_add(uint64_t hash, struct span name)
{
    hash = XXH3_64bits_withSeed(&name.size, sizeof(name.size), hash);
    return XXH3_64bits_withSeed(name.data, name.size, hash);
}

/* Of the names in the order of their numbers; false: a number is left out, or
 * kept for a name that is going. Caller holds the writer mutex. */
static bool
names_hash(const struct segment *segment, uint64_t *ret_hash)
{
    size_t count = 0, taken = 0;
    uint64_t hash = 0;
    for (size_t i = 0; segment_seek(segment, &i); i++) {
        if (i != count++)
            return false;
        hash = hash_add(hash, segment->vectors[i]->options.name);
    }
    for (size_t i = 0; i < SEGMENT_VECTORS_MAX; i++)
        taken += segment->is_number_taken[i] ? 1 : 0;
    *ret_hash = hash;
    return taken == count;
}

enum engine_code
segment_open_store(struct segment *segment, const char *path,
                   const struct segment_options *options, struct error *reterr)
{
    struct bytes note;
    uint64_t hash = 0;
    bytes_init(&note, STORE_NOTE_SIZE_MAX);
    enum engine_code code =
        store_open_resting(path, &note, &segment->store, reterr);
    for (size_t i = 0; i < options->vectors_count; i++)
        hash = hash_add(hash, options->vectors[i].name);
    if (code == ENGINE_OK && note.size == NOTE_SIZE &&
        segment_get_u64(note.data + 8) == hash) {
        segment->next_sequence = segment_get_u64(note.data);
        segment->is_known_empty = true;
    }
    bytes_release(&note);
    return code;
}

/* Caller holds the writer mutex. */
static bool
is_empty(struct segment *segment)
{
    return segment->slots_count == 0 &&
           atomic_load(&segment->builds_count) == 0;
}

bool
segment_may_rest(struct segment *segment)
{
    if (pthread_mutex_trylock(&segment->writer) != 0)
        return false;
    bool may = is_empty(segment);
    pthread_mutex_unlock(&segment->writer);
    return may && !store_is_resting(segment->store);
}

bool
segment_rest(struct segment *segment)
{
    char note[NOTE_SIZE];
    uint64_t hash = 0;
    if (pthread_mutex_trylock(&segment->writer) != 0)
        return false;
    bool is_done = is_empty(segment);
    if (is_done) {
        /* Payload indexes are in the store alone: with one, the next start
         * opens it. */
        bool has_note =
            segment->indexes_count == 0 && names_hash(segment, &hash);
        segment_put_u64(segment->next_sequence, note);
        segment_put_u64(hash, note + 8);
        is_done = store_rest(segment->store,
                             (struct span){ note, has_note ? NOTE_SIZE : 0 });
    }
    pthread_mutex_unlock(&segment->writer);
    return is_done;
}
