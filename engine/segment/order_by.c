/* SPDX-License-Identifier: Apache-2.0
 * Pages of the ordered index are copied under the lock, and their points are
 * tested without it. The next page begins behind the last entry, whatever has
 * changed meanwhile. */
#include "engine/segment/order_by.h"

#include "engine/filter/path.h"
#include "engine/segment/body.h"
#include "engine/segment/match.h"

#include <math.h>

#define PAGE_ENTRIES 256

struct ordering {
    struct segment_reader *reader;
    const struct segment_order_by *order;
    struct match match;
    bool is_float; /* the index */
    bool is_integer;
    struct segment_ordered *items;
    size_t count;
    size_t room;
};

/* NULL: none. The caller holds the points lock. */
static const struct payload_index *
find_index(const struct ordering *ordering)
{
    const struct segment *segment = ordering->reader->segment;
    for (size_t i = 0; i < segment->indexes_count; i++) {
        const struct payload_index *index = segment->indexes[i].index;
        if (!segment->indexes[i].is_broken && payload_index_is_ordered(index) &&
            path_equal(payload_index_path(index), ordering->order->key))
            return index;
    }
    return NULL;
}

/* The first entry that may come: before or behind all that have the number. */
static struct number_entry
first_entry(const struct segment_order_by *order)
{
    bool is_descending = order->is_descending;
    struct number_entry entry = { 0 };
    if (is_descending)
        entry = (struct number_entry){ UINT64_MAX, UINT32_MAX, UINT32_MAX };
    if (!order->has_start)
        return entry;
    uint32_t slot = is_descending ? UINT32_MAX : 0;
    /* Beyond these a double stands for several integers. */
    bool is_exact = !order->start.is_integer ||
                    fabs((double)order->start.integer) < 9007199254740992.0;
    if (!is_exact)
        return number_entry_integer(order->start.integer, slot);
    entry = number_entry_float(order->start.is_integer
                                   ? (double)order->start.integer
                                   : order->start.real,
                               slot);
    entry.kind = is_descending ? UINT32_MAX : 0;
    return entry;
}

static size_t
next_page(struct ordering *ordering, const struct number_entry *from,
          struct number_entry *entries, bool *ret_has_index)
{
    struct segment *segment = ordering->reader->segment;
    size_t count = 0;
    pthread_rwlock_rdlock(&segment->points);
    const struct payload_index *index = find_index(ordering);
    *ret_has_index = index != NULL;
    if (index != NULL) {
        ordering->is_float = payload_index_kind(index) == PAYLOAD_INDEX_FLOAT;
        ordering->is_integer =
            payload_index_kind(index) == PAYLOAD_INDEX_INTEGER;
        count = payload_index_page(index,
                                   ordering->order->is_descending
                                       ? NUMBER_DESCENDING
                                       : NUMBER_ASCENDING,
                                   from, entries, PAGE_ENTRIES);
    }
    pthread_rwlock_unlock(&segment->points);
    return count;
}

/* An integer index has numbers with a point, too, for the sake of filters. */
static bool
is_own(const struct ordering *ordering, const struct number_entry *entry)
{
    return !ordering->is_integer || entry->kind != 0;
}

/* Takes those of a page that match. */
static void
take_page(struct ordering *ordering, const struct number_entry *entries,
          size_t count)
{
    uint32_t slots[PAGE_ENTRIES];
    size_t kept = 0, next = 0;
    for (size_t i = 0; i < count; i++)
        if (is_own(ordering, &entries[i]))
            slots[kept++] = entries[i].slot;
    kept = match_passing(&ordering->match, slots, kept);
    for (size_t i = 0; i < count && next < kept; i++) {
        if (!is_own(ordering, &entries[i]) || entries[i].slot != slots[next])
            continue;
        next++;
        if (ordering->count == ordering->room)
            return;
        struct number_value value = number_entry_value(&entries[i]);
        value.is_integer = value.is_integer && !ordering->is_float;
        ordering->items[ordering->count++] =
            (struct segment_ordered){ entries[i].slot, value };
    }
}

static enum engine_code
missing_index(const struct payload_path *key, struct error *reterr)
{
    return error_set(
        reterr, ENGINE_EINPUT,
        "No range index for `order_by` key: `%.*s`. Please create one to use "
        "`order_by`. Check "
        "https://qdrant.tech/documentation/concepts/indexing/#payload-index "
        "to see which payload schemas support Range conditions",
        (int)key->text.size, key->text.data);
}

static enum engine_code
take_pages(struct ordering *ordering, struct error *reterr)
{
    struct number_entry entries[PAGE_ENTRIES];
    struct number_entry from = first_entry(ordering->order);
    bool has_index, is_first = true;
    for (;;) {
        size_t count = next_page(ordering, &from, entries, &has_index);
        if (!has_index)
            return missing_index(ordering->order->key, reterr);
        /* The entry that the last page ended with, if it is still there. */
        bool is_again = !is_first && count > 0 && entries[0].key == from.key &&
                        entries[0].kind == from.kind &&
                        entries[0].slot == from.slot;
        take_page(ordering, entries + is_again, count - is_again);
        enum engine_code code = match_check(&ordering->match, reterr);
        if (code == ENGINE_OK)
            code = segment_check_deadline(ordering->order->deadline_ms, reterr);
        if (code != ENGINE_OK || count < PAGE_ENTRIES ||
            ordering->count == ordering->room)
            return code;
        from = entries[count - 1];
        is_first = false;
    }
}

enum engine_code
segment_order_by(struct segment_reader *reader,
                 const struct segment_order_by *order, struct arena *arena,
                 const struct segment_ordered **ret_items, size_t *ret_count,
                 struct error *reterr)
{
    struct ordering ordering = { .reader = reader,
                                 .order = order,
                                 .room = order->limit };
    enum engine_code code =
        match_make(reader, order->filter, arena, &ordering.match, reterr);
    if (code != ENGINE_OK)
        return code;
    ordering.items =
        arena_alloc(arena, (order->limit + 1) * sizeof(*ordering.items));
    code = ordering.items == NULL ? error_memory(reterr)
                                  : take_pages(&ordering, reterr);
    match_release(&ordering.match);
    if (code != ENGINE_OK)
        return code;
    *ret_items = ordering.items;
    *ret_count = ordering.count;
    return ENGINE_OK;
}
