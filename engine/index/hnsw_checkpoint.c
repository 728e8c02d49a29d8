/* SPDX-License-Identifier: Apache-2.0
 * The graph as bytes, little endian. Fuzzy: which slots are in is decided
 * first; links to other slots are dropped while lists are copied, so inserts
 * may go on. Reading checks every byte before the graph is handed out.
 *   struct header
 *   levels   u8[slot_count]: 0 = not in, else top level + 1    then u64 XXH3
 *   tags     u64 for each slot that is in: of its row         then u64 XXH3
 *   bottom   u32[2 m] for each slot that is in, ascending      then u64 XXH3
 *   upper    u32[m] for each such slot and its levels 1..top   then u64 XXH3
 * Short lists are filled with SLOT_NONE. Nothing follows. A slot's links are
 * only worth something for the row that it had: where the row has another tag,
 * the slot was used again since (or its record is gone), and is read as dying,
 * for a sweep to take it out. */
#include "engine/index/hnsw_graph.h"

#include <assert.h>
#include <stdlib.h>
#include <xxhash.h>

#define CHECKPOINT_VERSION 2u
#define MAGIC              "AZGRAPH"

struct header {
    char magic[8];
    uint32_t version;
    uint32_t header_size;
    uint32_t dim;
    uint32_t metric;
    uint32_t m;
    uint32_t ef_construct;
    uint64_t seed;
    uint32_t slot_count;
    uint32_t linked_count;
    uint32_t entry_slot;
    uint32_t entry_level; /* top level + 1; 0 = empty */
    uint32_t upper_count;
    uint32_t code_kind; /* of walks, + 1; 0: by their choice, or none */
    uint64_t sequence;
    uint64_t reserved_wide[6];
    uint64_t checksum; /* XXH3 of all before */
};
static_assert(sizeof(struct header) == 128, "the format's header");
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "bytes as in memory");

/* One checkpoint on its way out or in. */
struct stream {
    const struct hnsw_writer *writer;
    const struct hnsw_reader *reader;
    XXH3_state_t *state; /* of the section at hand */
    uint8_t *levels;     /* by slot, as in the file */
    uint32_t slot_count;
    struct error *reterr;
};

static enum engine_code
corrupt(struct stream *stream, const char *what)
{
    return error_set(stream->reterr, ENGINE_ECORRUPT,
                     "graph checkpoint is damaged: %s", what);
}

static enum engine_code
stream_open(struct stream *stream, uint32_t slot_count)
{
    stream->slot_count = slot_count;
    stream->levels = calloc((size_t)slot_count + 1, 1);
    stream->state = XXH3_createState();
    if (stream->levels == NULL || stream->state == NULL)
        return error_memory(stream->reterr);
    XXH3_64bits_reset(stream->state);
    return ENGINE_OK;
}

static void
stream_close(struct stream *stream)
{
    free(stream->levels);
    XXH3_freeState(stream->state);
}

static enum engine_code
put(struct stream *stream, const void *data, size_t size)
{
    XXH3_64bits_update(stream->state, data, size);
    return stream->writer->write(stream->writer->ctx, data, size,
                                 stream->reterr);
}

static enum engine_code
put_checksum(struct stream *stream)
{
    uint64_t checksum = XXH3_64bits_digest(stream->state);
    XXH3_64bits_reset(stream->state);
    return stream->writer->write(stream->writer->ctx, &checksum,
                                 sizeof(checksum), stream->reterr);
}

/* Exactly `size` bytes, without the section's checksum. */
static enum engine_code
get_raw(struct stream *stream, void *data, size_t size)
{
    size_t got = 0;
    enum engine_code code = stream->reader->read(stream->reader->ctx, data,
                                                 size, &got, stream->reterr);
    if (code != ENGINE_OK)
        return code;
    return got == size ? ENGINE_OK : corrupt(stream, "it is cut short");
}

static enum engine_code
get(struct stream *stream, void *data, size_t size)
{
    enum engine_code code = get_raw(stream, data, size);
    if (code == ENGINE_OK)
        XXH3_64bits_update(stream->state, data, size);
    return code;
}

static enum engine_code
get_checksum(struct stream *stream, const char *what)
{
    uint64_t expected;
    uint64_t checksum = XXH3_64bits_digest(stream->state);
    XXH3_64bits_reset(stream->state);
    enum engine_code code = get_raw(stream, &expected, sizeof(expected));
    if (code != ENGINE_OK)
        return code;
    return checksum == expected ? ENGINE_OK : corrupt(stream, what);
}

/* Of the row as walks see it. */
static uint64_t
row_tag(const struct hnsw *hnsw, uint32_t slot)
{
    const struct slab *slab = hnsw_slab(hnsw);
    uint64_t tag = XXH3_64bits(slab_row(slab, slot), slab->row_size);
    const struct codes *codes = hnsw->rows.codes;
    if (codes != NULL && slot < slab_capacity(&codes->factors))
        tag = XXH3_64bits_withSeed(slab_row(&codes->factors, slot),
                                   sizeof(struct codes_factor), tag);
    return tag;
}

/* Whether a node goes into a checkpoint: what no list names does not. */
static bool
is_in(const struct hnsw *hnsw, uint32_t slot)
{
    uint32_t state = hnsw_state(hnsw, slot);
    return state == HNSW_LINKED || state == HNSW_DYING;
}

/* Notes which slots are in, with their levels, and the header's counts. */
static void
take_census(const struct hnsw *hnsw, struct stream *stream,
            struct header *header)
{
    uint64_t entry = atomic_load_explicit(&hnsw->entry, memory_order_acquire);
    for (uint32_t slot = 0; slot < stream->slot_count; slot++) {
        if (!is_in(hnsw, slot))
            continue;
        uint32_t level = atomic_load_explicit(&hnsw_node(hnsw, slot)->level,
                                              memory_order_relaxed);
        stream->levels[slot] = (uint8_t)(level + 1);
        header->linked_count++;
        header->upper_count += level;
        if (level + 1 > header->entry_level) {
            header->entry_level = level + 1;
            header->entry_slot = slot;
        }
    }
    if (entry >> 32 != header->entry_level)
        return; /* changed meanwhile: any node of the top level will do */
    uint32_t slot = (uint32_t)entry;
    if (slot < stream->slot_count && stream->levels[slot] == entry >> 32)
        header->entry_slot = slot;
}

/* Copies one list without the slots that are not in on that level. */
static enum engine_code
put_links(const struct hnsw *hnsw, struct stream *stream, uint32_t slot,
          uint32_t level)
{
    uint32_t row[2 * HNSW_M_MAX];
    uint32_t links_max = hnsw_links_max(hnsw, level);
    const hnsw_link *links = hnsw_links(hnsw, slot, level);
    uint32_t count = 0;
    for (uint32_t i = 0; i < links_max; i++) {
        uint32_t link = hnsw_link_load(&links[i]);
        if (link < stream->slot_count && stream->levels[link] > level)
            row[count++] = link;
    }
    while (count < links_max)
        row[count++] = SLOT_NONE;
    return put(stream, row, links_max * sizeof(*row));
}

/* A dying node's row may not be the one that it was linked with: it stays
 * dying. */
static enum engine_code
put_tag(const struct hnsw *hnsw, struct stream *stream, uint32_t slot)
{
    uint64_t tag = row_tag(hnsw, slot);
    if (hnsw_state(hnsw, slot) != HNSW_LINKED)
        tag = ~tag;
    return put(stream, &tag, sizeof(tag));
}

static enum engine_code
put_sections(const struct hnsw *hnsw, struct stream *stream)
{
    enum engine_code code = put(stream, stream->levels, stream->slot_count);
    if (code == ENGINE_OK)
        code = put_checksum(stream);
    for (uint32_t slot = 0; slot < stream->slot_count; slot++)
        if (code == ENGINE_OK && stream->levels[slot] > 0)
            code = put_tag(hnsw, stream, slot);
    if (code == ENGINE_OK)
        code = put_checksum(stream);
    for (uint32_t slot = 0; slot < stream->slot_count; slot++)
        if (code == ENGINE_OK && stream->levels[slot] > 0)
            code = put_links(hnsw, stream, slot, 0);
    if (code == ENGINE_OK)
        code = put_checksum(stream);
    for (uint32_t slot = 0; slot < stream->slot_count; slot++)
        for (uint32_t level = 1; level < stream->levels[slot]; level++)
            if (code == ENGINE_OK)
                code = put_links(hnsw, stream, slot, level);
    if (code == ENGINE_OK)
        code = put_checksum(stream);
    return code;
}

enum engine_code
hnsw_checkpoint_write(const struct hnsw *hnsw, uint64_t sequence,
                      const struct hnsw_writer *writer, struct error *reterr)
{
    struct stream stream = { .writer = writer, .reterr = reterr };
    enum engine_code code = stream_open(
        &stream, atomic_load_explicit(&hnsw->slot_end, memory_order_acquire));
    if (code == ENGINE_OK) {
        struct header header = {
            .magic = MAGIC,
            .version = CHECKPOINT_VERSION,
            .header_size = sizeof(header),
            .dim = hnsw->params.dim,
            .metric = (uint32_t)hnsw->params.metric,
            .m = hnsw->params.m,
            .ef_construct = hnsw->params.ef_construct,
            .seed = hnsw->params.seed,
            .slot_count = stream.slot_count,
            .code_kind = hnsw->rows.codes == NULL
                             ? 0
                             : (uint32_t)hnsw->rows.codes->params.kind + 1,
            .sequence = sequence,
        };
        take_census(hnsw, &stream, &header);
        header.checksum =
            XXH3_64bits(&header, offsetof(struct header, checksum));
        code = writer->write(writer->ctx, &header, sizeof(header), reterr);
    }
    if (code == ENGINE_OK)
        code = put_sections(hnsw, &stream);
    stream_close(&stream);
    return code;
}

/* The header, if it is one that this version reads. */
static enum engine_code
get_header(struct stream *stream, struct header *ret_header)
{
    struct header header;
    enum engine_code code = get_raw(stream, &header, sizeof(header));
    if (code != ENGINE_OK)
        return code;
    if (memcmp(header.magic, MAGIC, sizeof(header.magic)) != 0)
        return corrupt(stream, "it does not begin as one");
    if (header.version > CHECKPOINT_VERSION)
        return error_set(stream->reterr, ENGINE_EVERSION,
                         "graph checkpoint has version %u, this program reads "
                         "up to %u",
                         header.version, CHECKPOINT_VERSION);
    if (header.version == 0 || header.header_size != sizeof(header) ||
        header.checksum !=
            XXH3_64bits(&header, offsetof(struct header, checksum)))
        return corrupt(stream, "the header fails its checksum");
    if (header.version < CHECKPOINT_VERSION)
        return error_set(stream->reterr, ENGINE_ECORRUPT,
                         "graph checkpoint has the older version %u",
                         header.version);
    if (header.slot_count > HNSW_SLOT_MAX)
        return corrupt(stream, "it has too many slots");
    *ret_header = header;
    return ENGINE_OK;
}

static enum engine_code
check_header(struct stream *stream, const struct header *header,
             const struct hnsw_params *params, const struct hnsw_rows *rows)
{
    if (header->dim != params->dim || header->m != params->m ||
        header->seed != params->seed ||
        header->metric != (uint32_t)params->metric)
        return error_set(stream->reterr, ENGINE_ECORRUPT,
                         "graph checkpoint is for other parameters");
    if ((rows->vectors != NULL &&
         header->slot_count > slab_capacity(rows->vectors)) ||
        (rows->codes != NULL &&
         header->slot_count > slab_capacity(rows->codes->rows)))
        return corrupt(stream, "it has slots without vectors");
    return ENGINE_OK;
}

/* The levels, held against the header's counts. */
static enum engine_code
get_levels(struct stream *stream, const struct header *header)
{
    enum engine_code code = get(stream, stream->levels, header->slot_count);
    if (code == ENGINE_OK)
        code = get_checksum(stream, "the levels fail their checksum");
    if (code != ENGINE_OK)
        return code;
    uint32_t linked_count = 0, top = 0;
    uint64_t upper_count = 0;
    for (uint32_t slot = 0; slot < header->slot_count; slot++) {
        uint32_t level = stream->levels[slot];
        if (level == 0)
            continue;
        linked_count++;
        upper_count += level - 1;
        top = level > top ? level : top;
    }
    if (top > HNSW_LEVEL_MAX + 1 || linked_count != header->linked_count ||
        upper_count != header->upper_count || top != header->entry_level)
        return corrupt(stream, "the levels do not fit the header");
    if (top > 0 && (header->entry_slot >= header->slot_count ||
                    stream->levels[header->entry_slot] != top))
        return corrupt(stream, "the entry is not on the top level");
    return ENGINE_OK;
}

static enum engine_code
get_links(struct hnsw *hnsw, struct stream *stream, uint32_t slot,
          uint32_t level)
{
    uint32_t row[2 * HNSW_M_MAX];
    uint32_t links_max = hnsw_links_max(hnsw, level);
    hnsw_link *links = hnsw_links(hnsw, slot, level);
    enum engine_code code = get(stream, row, links_max * sizeof(*row));
    if (code != ENGINE_OK)
        return code;
    for (uint32_t i = 0; i < links_max; i++) {
        if (row[i] != SLOT_NONE &&
            (row[i] >= stream->slot_count || stream->levels[row[i]] <= level))
            return corrupt(stream, "a link leads nowhere");
        hnsw_link_store(&links[i], row[i]);
        if (level == 0 && row[i] != SLOT_NONE)
            hnsw_naming_up(hnsw, row[i]);
    }
    return ENGINE_OK;
}

/* Opens the nodes, each linked or dying. */
static enum engine_code
get_nodes(struct hnsw *hnsw, struct stream *stream)
{
    enum engine_code code = ENGINE_OK;
    uint32_t upper = 0, linked_count = 0;
    for (uint32_t slot = 0; slot < stream->slot_count; slot++) {
        if (code != ENGINE_OK || stream->levels[slot] == 0)
            continue;
        uint64_t tag;
        code = get(stream, &tag, sizeof(tag));
        if (code != ENGINE_OK)
            break;
        uint32_t level = stream->levels[slot] - 1u;
        if (level != hnsw_level_of(hnsw, slot))
            return corrupt(stream, "a level is not the slot's");
        bool is_linked = tag == row_tag(hnsw, slot);
        struct hnsw_node *node = hnsw_node(hnsw, slot);
        atomic_store(&node->upper, upper);
        atomic_store(&node->level, (uint8_t)level);
        atomic_store(&node->state, is_linked ? HNSW_LINKED : HNSW_DYING);
        linked_count += is_linked;
        upper += level;
    }
    atomic_store(&hnsw->linked_count, linked_count);
    if (code == ENGINE_OK)
        code = get_checksum(stream, "the tags fail their checksum");
    return code;
}

static enum engine_code
get_sections(struct hnsw *hnsw, struct stream *stream)
{
    enum engine_code code = get_nodes(hnsw, stream);
    for (uint32_t slot = 0; slot < stream->slot_count; slot++)
        if (code == ENGINE_OK && stream->levels[slot] > 0)
            code = get_links(hnsw, stream, slot, 0);
    if (code == ENGINE_OK)
        code = get_checksum(stream, "the bottom lists fail their checksum");
    for (uint32_t slot = 0; slot < stream->slot_count; slot++)
        for (uint32_t level = 1; level < stream->levels[slot]; level++)
            if (code == ENGINE_OK)
                code = get_links(hnsw, stream, slot, level);
    if (code == ENGINE_OK)
        code = get_checksum(stream, "the upper lists fail their checksum");
    return code;
}

static enum engine_code
get_end(struct stream *stream)
{
    char byte;
    size_t got = 0;
    enum engine_code code = stream->reader->read(stream->reader->ctx, &byte, 1,
                                                 &got, stream->reterr);
    if (code != ENGINE_OK)
        return code;
    return got == 0 ? ENGINE_OK : corrupt(stream, "bytes follow its end");
}

enum engine_code
hnsw_checkpoint_codes(const struct hnsw_reader *reader,
                      struct codes_wish *ret_codes, struct error *reterr)
{
    struct stream stream = { .reader = reader, .reterr = reterr };
    struct header header = { .version = 0 };
    enum engine_code code = get_header(&stream, &header);
    if (code != ENGINE_OK)
        return code;
    if (header.code_kind > CODE_HALF + 1)
        return corrupt(&stream, "it has codes of an unknown kind");
    /* Written before there was a choice: the default then. */
    *ret_codes = (struct codes_wish){ 0 };
    if (header.code_kind > 0)
        *ret_codes = (struct codes_wish){ true, header.code_kind - 1 };
    return ENGINE_OK;
}

enum engine_code
hnsw_checkpoint_slots(const struct hnsw_reader *reader, uint32_t *ret_count,
                      struct error *reterr)
{
    struct stream stream = { .reader = reader, .reterr = reterr };
    struct header header = { .version = 0 };
    enum engine_code code = get_header(&stream, &header);
    if (code == ENGINE_OK)
        *ret_count = header.slot_count;
    return code;
}

enum engine_code
hnsw_checkpoint_read(const struct hnsw_params *params,
                     const struct hnsw_rows *rows,
                     const struct hnsw_reader *reader, struct hnsw **ret_hnsw,
                     uint64_t *ret_sequence, struct error *reterr)
{
    struct stream stream = { .reader = reader, .reterr = reterr };
    struct header header = { .version = 0 };
    struct hnsw *hnsw = NULL;
    enum engine_code code = get_header(&stream, &header);
    if (code == ENGINE_OK)
        code = check_header(&stream, &header, params, rows);
    if (code != ENGINE_OK)
        return code;
    code = stream_open(&stream, header.slot_count);
    if (code == ENGINE_OK)
        code = get_levels(&stream, &header);
    if (code == ENGINE_OK)
        code = hnsw_create(params, rows, &hnsw, reterr);
    if (code == ENGINE_OK && header.slot_count > 0)
        code = hnsw_reserve(hnsw, header.slot_count - 1, reterr);
    if (code == ENGINE_OK)
        code = slab_reserve(&hnsw->upper, header.upper_count, reterr);
    if (code == ENGINE_OK)
        code = get_sections(hnsw, &stream);
    if (code == ENGINE_OK)
        code = get_end(&stream);
    stream_close(&stream);
    if (code != ENGINE_OK) {
        hnsw_free(hnsw);
        return code;
    }
    atomic_store(&hnsw->upper_count, header.upper_count);
    atomic_store(&hnsw->slot_end, header.slot_count);
    if (header.entry_level > 0)
        atomic_store(&hnsw->entry,
                     (uint64_t)header.entry_level << 32 | header.entry_slot);
    *ret_hnsw = hnsw;
    *ret_sequence = header.sequence;
    return ENGINE_OK;
}
