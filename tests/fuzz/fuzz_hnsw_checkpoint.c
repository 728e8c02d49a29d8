/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as a graph checkpoint: refused, or a graph that can be searched,
 * swept and grown. The first byte says whether checksums are mended before, so
 * that a fuzzer gets past them to the checks of levels and links. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "engine/index/hnsw.h"

#define DIM         4u
#define M           3u
#define SLOT_COUNT  64u
#define SIZE_MAX_IN ((size_t)1 << 16)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct file {
    const uint8_t *data;
    size_t size;
};

static enum engine_code
file_read(void *ctx, void *data, size_t size, size_t *ret_size,
          struct error *reterr)
{
    struct file *file = ctx;
    (void)reterr;
    size_t part = size < file->size ? size : file->size;
    memcpy(data, file->data, part);
    file->data += part;
    file->size -= part;
    *ret_size = part;
    return ENGINE_OK;
}

/* Writes the checksum behind data[begin..begin + size), if it fits; where the
 * next section begins, or `total`. */
static size_t
mend(uint8_t *data, size_t total, size_t begin, size_t size)
{
    if (begin > total || size > total - begin || total - begin - size < 8)
        return total;
    uint64_t checksum = XXH3_64bits(data + begin, size);
    memcpy(data + begin + size, &checksum, sizeof(checksum));
    return begin + size + sizeof(checksum);
}

/* The sections as the header (hnsw_checkpoint.c) announces them. */
static void
mend_all(uint8_t *data, size_t size)
{
    uint32_t slot_count, linked_count, upper_count;
    size_t at = mend(data, size, 0, 120);
    if (at == size)
        return;
    memcpy(&slot_count, data + 40, sizeof(slot_count));
    memcpy(&linked_count, data + 44, sizeof(linked_count));
    memcpy(&upper_count, data + 56, sizeof(upper_count));
    at = mend(data, size, at, slot_count);
    at = mend(data, size, at, (size_t)linked_count * 8);
    at = mend(data, size, at, (size_t)linked_count * 2 * M * 4);
    (void)mend(data, size, at, (size_t)upper_count * M * 4);
}

static void
use(struct hnsw *hnsw, const struct slab *vectors)
{
    struct hit hits[SLOT_COUNT];
    struct hnsw_found found;
    struct hnsw_search search = { .k = SLOT_COUNT, .ef = SLOT_COUNT };
    struct slotset dead;
    static struct epoch epoch;
    enum hnsw_sweep state = HNSW_SWEEP_WORKS;
    uint32_t count, done;
    enum engine_code code =
        hnsw_search(hnsw, slab_f32(vectors, 1), &search, hits, &found, NULL);
    assert(code == ENGINE_OK);
    for (uint32_t i = 0; i < found.count; i++)
        assert(hnsw_is_held(hnsw, hits[i].slot));
    slotset_init(&dead);
    epoch_init(&epoch);
    hnsw_sweep_begin(hnsw, &dead, &epoch, &count);
    while (state != HNSW_SWEEP_IDLE) {
        code = hnsw_sweep_work(hnsw, SLOT_COUNT, &state, &done, NULL);
        assert(code == ENGINE_OK);
    }
    slotset_release(&dead);
    for (uint32_t slot = 0; slot < SLOT_COUNT; slot++) {
        code = hnsw_insert(hnsw, slot, NULL);
        assert(code == ENGINE_OK);
    }
    assert(hnsw_linked_count(hnsw) == SLOT_COUNT);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > SIZE_MAX_IN)
        return 0;
    uint8_t *copy = malloc(size);
    assert(copy != NULL);
    memcpy(copy, data + 1, size - 1);
    if ((data[0] & 1) != 0)
        mend_all(copy, size - 1);

    struct slab vectors;
    slab_init_f32(&vectors, DIM);
    enum engine_code code = slab_reserve(&vectors, SLOT_COUNT, NULL);
    assert(code == ENGINE_OK);
    for (uint32_t slot = 0; slot < SLOT_COUNT; slot++) {
        float row[DIM] = { (float)(slot % 8), (float)(slot / 8), 0, 1 };
        slab_put_f32(&vectors, slot, row, DIM);
    }
    struct hnsw_params params = { .dim = DIM,
                                  .metric = METRIC_EUCLID,
                                  .m = M,
                                  .ef_construct = 16,
                                  .seed = 1 };
    struct file file = { copy, size - 1 };
    struct hnsw_reader reader = { file_read, &file };
    struct hnsw *hnsw = NULL;
    uint64_t sequence;
    struct error error;
    code = hnsw_checkpoint_read(&params,
                                &(struct hnsw_rows){ .vectors = &vectors },
                                &reader, &hnsw, &sequence, &error);
    if (code == ENGINE_OK)
        use(hnsw, &vectors);
    else
        assert(hnsw == NULL);
    hnsw_free(hnsw);
    slab_release(&vectors);
    free(copy);
    return 0;
}
