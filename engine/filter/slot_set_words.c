/* SPDX-License-Identifier: Apache-2.0
 * Sets as words of bits and back, by the library's portable format
 * (github.com/RoaringBitmap/RoaringFormatSpec): it has containers of 65,536
 * slots as words, and no other call takes or gives more than slots. Its numbers
 * are little-endian, and so are we. */
#include "engine/filter/slot_set_body.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define BATCH_COUNT 1024

#define COOKIE          12346u
#define COOKIE_RUNS     12347u
#define PART_SLOTS      65536u
#define PART_WORDS      (PART_SLOTS / 64)
#define PART_SIZE       (PART_SLOTS / 8)
#define ARRAY_COUNT_MAX SLOT_SET_LIST_MAX
/* With runs, places are written from so many containers on. */
#define PLACES_MIN 4u

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
              "the format is read as it lies");

/* Reads or writes at a place of a buffer that was made long enough. */
struct place {
    char *at;
};

static uint32_t
take_u16(struct place *place)
{
    uint16_t value;
    memcpy(&value, place->at, sizeof(value));
    place->at += sizeof(value);
    return value;
}

static uint32_t
take_u32(struct place *place)
{
    uint32_t value;
    memcpy(&value, place->at, sizeof(value));
    place->at += sizeof(value);
    return value;
}

static void
put_u16(struct place *place, uint32_t value)
{
    uint16_t narrow = (uint16_t)value;
    memcpy(place->at, &narrow, sizeof(narrow));
    place->at += sizeof(narrow);
}

static void
put_u32(struct place *place, uint32_t value)
{
    memcpy(place->at, &value, sizeof(value));
    place->at += sizeof(value);
}

/* How many of the words make container number `part`. */
static size_t
part_room(size_t part, size_t words_count)
{
    size_t room = words_count - part * PART_WORDS;
    return room < PART_WORDS ? room : PART_WORDS;
}

/* ---- to words ---- */

/* Slots first..last, as far as there are words. */
static void
set_run(uint64_t *words, size_t words_count, uint32_t first, uint32_t last)
{
    if (last >= words_count * 64)
        last = (uint32_t)(words_count * 64) - 1;
    for (uint32_t at = first; at <= last;) {
        uint32_t end = (at | 63) < last ? (at | 63) : last;
        uint64_t ones = UINT64_MAX >> (63 - (end - at));
        words[at / 64] |= ones << (at % 64);
        at = end + 1;
    }
}

/* One container into its words, of which there are PART_WORDS at most. */
static void
take_part(struct place *place, bool is_runs, uint32_t members, uint64_t *words,
          size_t words_count)
{
    if (is_runs) {
        for (uint32_t runs = take_u16(place); runs > 0; runs--) {
            uint32_t first = take_u16(place);
            set_run(words, words_count, first, first + take_u16(place));
        }
    } else if (members <= ARRAY_COUNT_MAX) {
        for (; members > 0; members--) {
            uint32_t slot = take_u16(place);
            if (slot / 64 < words_count)
                words[slot / 64] |= UINT64_C(1) << (slot % 64);
        }
    } else {
        memcpy(words, place->at, words_count * sizeof(*words));
        place->at += PART_SIZE;
    }
}

static bool
is_marked(const char *marks, uint32_t i)
{
    return marks != NULL && ((unsigned char)marks[i / 8] >> (i % 8) & 1) != 0;
}

/* `words` begin as zeros; what does not fit is left out. */
static void
take_all(struct place *place, uint64_t *words, size_t words_count)
{
    uint32_t cookie = take_u32(place), count;
    const char *marks = NULL;
    if ((cookie & 0xffff) == COOKIE_RUNS) {
        count = (cookie >> 16) + 1;
        marks = place->at;
        place->at += (count + 7) / 8;
    } else {
        assert(cookie == COOKIE);
        count = take_u32(place);
    }
    struct place heads = *place;
    place->at += (size_t)count * 4;
    if (marks == NULL || count >= PLACES_MIN)
        place->at += (size_t)count * 4;
    for (uint32_t i = 0; i < count; i++) {
        size_t first = (size_t)take_u16(&heads) * PART_WORDS;
        uint32_t members = take_u16(&heads) + 1;
        if (first >= words_count)
            return;
        take_part(place, is_marked(marks, i), members, words + first,
                  part_room(first / PART_WORDS, words_count));
    }
}

/* Slot by slot. */
static void
set_each(const struct slot_set *set, uint64_t *words, size_t words_count)
{
    uint32_t slots[BATCH_COUNT];
    uint32_t count;
    roaring_uint32_iterator_t iterator;
    roaring_init_iterator(set->bitmap, &iterator);
    while ((count = roaring_read_uint32_iterator(&iterator, slots,
                                                 BATCH_COUNT)) > 0)
        for (uint32_t i = 0; i < count; i++) {
            if (slots[i] / 64 >= words_count)
                return;
            words[slots[i] / 64] |= UINT64_C(1) << (slots[i] % 64);
        }
}

void
slot_set_to_words(const struct slot_set *set, uint64_t *words,
                  size_t words_count)
{
    size_t size = roaring_bitmap_portable_size_in_bytes(set->bitmap);
    char *bytes = malloc(size);
    if (bytes == NULL) {
        set_each(set, words, words_count);
        return;
    }
    roaring_bitmap_portable_serialize(set->bitmap, bytes);
    struct place place = { bytes };
    take_all(&place, words, words_count);
    assert(place.at <= bytes + size);
    free(bytes);
}

/* ---- from words ---- */

static uint32_t
part_members(const uint64_t *words, size_t count)
{
    uint32_t members = 0;
    for (size_t i = 0; i < count; i++)
        members += (uint32_t)__builtin_popcountll(words[i]);
    return members;
}

static size_t
part_size(uint32_t members)
{
    return members <= ARRAY_COUNT_MAX ? (size_t)members * 2 : PART_SIZE;
}

static void
put_part(struct place *place, const uint64_t *words, size_t count,
         uint32_t members)
{
    if (members > ARRAY_COUNT_MAX) {
        memset(place->at, 0, PART_SIZE);
        memcpy(place->at, words, count * sizeof(*words));
        place->at += PART_SIZE;
        return;
    }
    for (size_t i = 0; i < count; i++)
        for (uint64_t word = words[i]; word != 0; word &= word - 1)
            put_u16(place,
                    (uint32_t)(i * 64) + (uint32_t)__builtin_ctzll(word));
}

/* Slot by slot. */
static void
add_each(struct slot_set *set, const uint64_t *words, size_t words_count)
{
    uint32_t slots[BATCH_COUNT];
    size_t count = 0;
    for (size_t i = 0; i < words_count; i++) {
        for (uint64_t word = words[i]; word != 0; word &= word - 1) {
            slots[count++] =
                (uint32_t)(i * 64) + (uint32_t)__builtin_ctzll(word);
            if (count == BATCH_COUNT) {
                slot_set_add_many(set, slots, count);
                count = 0;
            }
        }
    }
    slot_set_add_many(set, slots, count);
}

/* `members` of each container, `full` of which have some; their bytes are
 * `size`. NULL without memory. */
static roaring_bitmap_t *
bitmap_of(const uint64_t *words, size_t words_count, const uint32_t *members,
          uint32_t full, size_t size)
{
    char *bytes = malloc(size);
    if (bytes == NULL)
        return NULL;
    struct place heads = { bytes };
    put_u32(&heads, COOKIE);
    put_u32(&heads, full);
    struct place places = { heads.at + (size_t)full * 4 };
    struct place place = { places.at + (size_t)full * 4 };
    for (size_t part = 0; part * PART_WORDS < words_count; part++) {
        if (members[part] == 0)
            continue;
        put_u16(&heads, (uint32_t)part);
        put_u16(&heads, members[part] - 1);
        put_u32(&places, (uint32_t)(place.at - bytes));
        put_part(&place, words + part * PART_WORDS,
                 part_room(part, words_count), members[part]);
    }
    assert(place.at == bytes + size);
    roaring_bitmap_t *bitmap =
        roaring_bitmap_portable_deserialize_safe(bytes, size);
    free(bytes);
    return bitmap;
}

void
slot_set_add_words(struct slot_set *set, const uint64_t *words,
                   size_t words_count)
{
    size_t parts = words_count / PART_WORDS + 1, size = 8;
    uint32_t full = 0, *members = calloc(parts, sizeof(*members));
    roaring_bitmap_t *bitmap = NULL;
    for (size_t part = 0; members != NULL && part * PART_WORDS < words_count;
         part++) {
        members[part] = part_members(words + part * PART_WORDS,
                                     part_room(part, words_count));
        full += members[part] > 0;
        size += members[part] > 0 ? 8 + part_size(members[part]) : 0;
    }
    if (members != NULL)
        bitmap = bitmap_of(words, words_count, members, full, size);
    free(members);
    if (bitmap == NULL) {
        add_each(set, words, words_count);
        return;
    }
    roaring_bitmap_or_inplace(set->bitmap, bitmap);
    roaring_bitmap_free(bitmap);
}

/* ---- from containers as they lie ---- */

/* The bitmap of the parts. NULL without memory. */
static roaring_bitmap_t *
bitmap_of_parts(const struct slot_set_part *parts, uint32_t count)
{
    size_t size = 8 + (size_t)count * 8;
    for (uint32_t i = 0; i < count; i++)
        size += part_size(parts[i].members);
    char *bytes = malloc(size);
    if (bytes == NULL)
        return NULL;
    struct place heads = { bytes };
    put_u32(&heads, COOKIE);
    put_u32(&heads, count);
    struct place places = { heads.at + (size_t)count * 4 };
    struct place place = { places.at + (size_t)count * 4 };
    for (uint32_t i = 0; i < count; i++) {
        put_u16(&heads, parts[i].high);
        put_u16(&heads, parts[i].members - 1);
        put_u32(&places, (uint32_t)(place.at - bytes));
        memcpy(place.at, parts[i].data, part_size(parts[i].members));
        place.at += part_size(parts[i].members);
    }
    assert(place.at == bytes + size);
    roaring_bitmap_t *bitmap =
        roaring_bitmap_portable_deserialize_safe(bytes, size);
    free(bytes);
    return bitmap;
}

void
slot_set_add_parts(struct slot_set *set, const struct slot_set_part *parts,
                   uint32_t count)
{
    if (count == 0)
        return;
    roaring_bitmap_t *bitmap = bitmap_of_parts(parts, count);
    if (bitmap != NULL) {
        roaring_bitmap_or_inplace(set->bitmap, bitmap);
        roaring_bitmap_free(bitmap);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        const uint16_t *list = parts[i].data;
        const uint64_t *words = parts[i].data;
        bool is_list = parts[i].members <= ARRAY_COUNT_MAX;
        for (uint32_t k = 0; k < (is_list ? parts[i].members : PART_SLOTS); k++)
            if (is_list || (words[k / 64] >> (k % 64) & 1) != 0)
                slot_set_add(set, parts[i].high * PART_SLOTS +
                                      (is_list ? list[k] : k));
    }
}
