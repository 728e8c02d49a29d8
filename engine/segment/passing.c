/* SPDX-License-Identifier: Apache-2.0
 * Sets of slots for searches, made once from a plan's compressed set or from
 * what a scan found, and shared by pointer. */
#include "engine/segment/passing.h"

#include <assert.h>
#include <stdlib.h>

/* A list takes less memory than a bitset below one of so many slots. */
#define SPARSE_SHARE 32u

static struct passing *
passing_new(uint64_t count, uint32_t slots_count)
{
    struct passing *passing = malloc(sizeof(*passing));
    if (passing == NULL)
        return NULL;
    size_t words = (size_t)slots_count / 64 + 1;
    assert(count <= slots_count);
    *passing = (struct passing){ .slots_count = slots_count,
                                 .count = (uint32_t)count };
    atomic_init(&passing->users, 1);
    if (count <= slots_count / SPARSE_SHARE)
        passing->list = malloc((count + 1) * sizeof(*passing->list));
    else
        passing->words = calloc(words, sizeof(*passing->words));
    passing->size =
        sizeof(*passing) + (passing->list != NULL
                                ? (count + 1) * sizeof(*passing->list)
                                : words * sizeof(*passing->words));
    if (passing->list == NULL && passing->words == NULL) {
        free(passing);
        return NULL;
    }
    return passing;
}

struct passing *
passing_of_set(const struct slot_set *set, uint32_t slots_count)
{
    struct passing *passing = passing_new(slot_set_count(set), slots_count);
    if (passing == NULL)
        return NULL;
    if (passing->list != NULL)
        slot_set_to_list(set, passing->list);
    else
        slot_set_to_words(set, passing->words, (size_t)slots_count / 64 + 1);
    return passing;
}

struct passing *
passing_of_words(const uint64_t *words, uint32_t slots_count)
{
    uint64_t count = 0;
    size_t words_count = (size_t)slots_count / 64 + 1;
    for (size_t i = 0; i < words_count; i++)
        count += (uint64_t)__builtin_popcountll(words[i]);
    struct passing *passing = passing_new(count, slots_count);
    if (passing == NULL)
        return NULL;
    uint32_t done = 0;
    for (size_t i = 0; i < words_count; i++) {
        if (passing->words != NULL) {
            passing->words[i] = words[i];
            continue;
        }
        for (uint64_t bits = words[i]; bits != 0; bits &= bits - 1)
            passing->list[done++] =
                (uint32_t)(i * 64) + (uint32_t)__builtin_ctzll(bits);
    }
    return passing;
}

struct passing *
passing_hold(struct passing *passing)
{
    if (passing != NULL)
        atomic_fetch_add(&passing->users, 1);
    return passing;
}

void
passing_release(struct passing *passing)
{
    if (passing == NULL || atomic_fetch_sub(&passing->users, 1) > 1)
        return;
    free(passing->list);
    free(passing->words);
    free(passing);
}

/* The first place of the list whose slot is not below. */
static uint32_t
place_of(const struct passing *passing, uint32_t slot)
{
    uint32_t low = 0, high = passing->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (passing->list[middle] < slot)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool
passing_has(const struct passing *passing, uint32_t slot)
{
    if (passing->words != NULL)
        return slot < passing->slots_count &&
               (passing->words[slot / 64] >> (slot % 64) & 1) != 0;
    uint32_t place = place_of(passing, slot);
    return place < passing->count && passing->list[place] == slot;
}

uint64_t
passing_word(const struct passing *passing, uint32_t word)
{
    if (passing->words != NULL)
        return word <= passing->slots_count / 64 ? passing->words[word] : 0;
    uint64_t bits = 0;
    uint32_t place = place_of(passing, word * 64);
    for (; place < passing->count && passing->list[place] / 64 == word; place++)
        bits |= UINT64_C(1) << (passing->list[place] % 64);
    return bits;
}
