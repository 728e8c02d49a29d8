/* SPDX-License-Identifier: Apache-2.0
 * After a run of compact.c: the records that it and the deletes before it left
 * behind give their disk back, a range of slots at a time, and the allocator
 * what it keeps. Nothing is kept over a restart: then RocksDB gets round to it
 * as more is written. */
#include "base/memory.h"
#include "engine/segment/body.h"

/* Read and written in one piece: half a second, about. Less would write the
 * files that reach over its ends again and again. */
#define PIECE_SIZE  ((uint64_t)128 << 20)
#define PIECE_SLOTS 65536u
/* What a point has on disk beside its vectors, about. */
#define PAYLOAD_SIZE 256u

void
segment_compact_disk_begin(struct segment *segment, uint32_t slots_end)
{
    if (slots_end > atomic_load(&segment->disk_end))
        atomic_store(&segment->disk_end, slots_end);
    atomic_store(&segment->disk_slot, 0);
}

static uint32_t
piece_slots(struct segment *segment)
{
    uint64_t size = PAYLOAD_SIZE;
    struct segment_reader reader;
    segment_read_begin(segment, &reader);
    for (size_t i = 0; i < reader.view->vectors_count; i++)
        if (segment_vector_is_there(&reader, i))
            size += vectors_row_size_about(segment_reader_vectors(&reader, i));
    segment_read_end(&reader);
    uint64_t slots = PIECE_SIZE / size;
    return slots > PIECE_SLOTS ? (uint32_t)slots : PIECE_SLOTS;
}

static void
compact_slots(struct segment *segment, uint32_t begin, uint32_t end)
{
    struct segment_key from = segment_key_slot(begin);
    struct segment_key to = segment_key_slot(end);
    store_compact(segment->store, STORE_POINTS, segment_key_span(&from),
                  segment_key_span(&to));
    store_compact(segment->store, STORE_PAYLOADS, segment_key_span(&from),
                  segment_key_span(&to));
    for (size_t i = 0; i < segment->vectors_count; i++) {
        from = segment_key_vector(i, begin);
        to = segment_key_vector(i, end);
        store_compact(segment->store, STORE_VECTORS, segment_key_span(&from),
                      segment_key_span(&to));
    }
}

static size_t
find_gone(struct segment *segment)
{
    size_t number = 0;
    while (number < SEGMENT_VECTORS_MAX &&
           !atomic_load(&segment->is_number_gone[number]))
        number++;
    return number;
}

/* A piece of what vectors leave behind that are gone. */
static bool
compact_gone(struct segment *segment)
{
    if (find_gone(segment) == SEGMENT_VECTORS_MAX ||
        atomic_exchange(&segment->is_disk_busy, true))
        return false;
    /* Again: the one before may have been the last. */
    size_t number = find_gone(segment);
    if (number == SEGMENT_VECTORS_MAX) {
        atomic_store(&segment->is_disk_busy, false);
        return true;
    }
    /* A lower number may have gone since the last piece. */
    if (number != segment->gone_number)
        segment->gone_slot = 0;
    segment->gone_number = number;
    uint32_t slot = segment->gone_slot;
    struct segment_reader reader;
    segment_read_begin(segment, &reader);
    bool is_last = reader.view->slots_count - slot <= PIECE_SLOTS ||
                   reader.view->slots_count < slot;
    segment_read_end(&reader);
    struct segment_key from = segment_key_vector(number, slot);
    struct segment_key to =
        segment_key_vector(number + is_last, is_last ? 0 : slot + PIECE_SLOTS);
    store_compact(segment->store, STORE_VECTORS, segment_key_span(&from),
                  segment_key_span(&to));
    segment->gone_slot = is_last ? 0 : slot + PIECE_SLOTS;
    if (is_last)
        atomic_store(&segment->is_number_gone[number], false);
    atomic_store(&segment->is_disk_busy, false);
    return true;
}

bool
segment_compact_disk(struct segment *segment)
{
    if (compact_gone(segment))
        return true;
    if (atomic_load(&segment->disk_slot) >= atomic_load(&segment->disk_end) ||
        atomic_exchange(&segment->is_disk_busy, true))
        return false;
    uint32_t slot = atomic_load(&segment->disk_slot);
    uint32_t end = atomic_load(&segment->disk_end);
    if (slot < end) {
        uint32_t most = piece_slots(segment);
        uint32_t next = end - slot < most ? end : slot + most;
        compact_slots(segment, slot, next);
        /* Not when it began anew meanwhile. */
        bool is_same =
            atomic_compare_exchange_strong(&segment->disk_slot, &slot, next);
        if (is_same && next == end) {
            atomic_compare_exchange_strong(&segment->disk_end, &end, 0);
            memory_give_back(); /* the end of all that a run does */
        }
    }
    atomic_store(&segment->is_disk_busy, false);
    return true;
}
