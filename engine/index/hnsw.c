/* SPDX-License-Identifier: Apache-2.0
 * The graph's life: making, growing, counting, freeing. */
#include "engine/index/hnsw.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "engine/index/hnsw_graph.h"

enum engine_code
hnsw_create(const struct hnsw_params *params, const struct hnsw_rows *rows,
            struct hnsw **ret_hnsw, struct error *reterr)
{
    struct row_form form = { rows->datatype, params->metric, params->dim };
    assert(params->dim > 0 && (unsigned)params->metric < METRIC_COUNT);
    assert(rows->vectors != NULL ||
           (rows->codes != NULL && rows->fetch != NULL));
    assert(rows->vectors == NULL ||
           row_form_size(&form) <= rows->vectors->row_size);
    assert(rows->codes == NULL || rows->codes->params.dim == params->dim);
    if (params->m < HNSW_M_MIN || params->m > HNSW_M_MAX)
        return error_set(reterr, ENGINE_EINPUT,
                         "hnsw m is %u, must be between %u and %u", params->m,
                         HNSW_M_MIN, HNSW_M_MAX);
    if (params->ef_construct < 1 || params->ef_construct > HNSW_EF_MAX)
        return error_set(reterr, ENGINE_EINPUT,
                         "hnsw ef_construct is %u, must be between 1 and %u",
                         params->ef_construct, HNSW_EF_MAX);
    struct hnsw *hnsw = calloc(1, sizeof(*hnsw));
    struct scratch_pool *scratches = scratch_pool_create();
    if (hnsw == NULL || scratches == NULL) {
        free(hnsw);
        scratch_pool_free(scratches);
        return error_memory(reterr);
    }
    hnsw->params = *params;
    hnsw->m0 = 2 * params->m;
    hnsw->ef_construct = params->ef_construct;
    hnsw->level_scale = 1.0 / log((double)params->m);
    hnsw->rows = *rows;
    atomic_init(&hnsw->codes, rows->codes);
    hnsw->form = form;
    hnsw->kernel = row_form_kernel(&form);
    slab_init(&hnsw->nodes, sizeof(struct hnsw_node), 8);
    slab_init(&hnsw->links, hnsw->m0 * sizeof(hnsw_link), SLAB_ROW_ALIGN);
    slab_init(&hnsw->upper, params->m * sizeof(hnsw_link), SLAB_ROW_ALIGN);
    pthread_mutex_init(&hnsw->grow_mutex, NULL);
    pthread_mutex_init(&hnsw->entry_mutex, NULL);
    pthread_mutex_init(&hnsw->sweep.lock, NULL);
    hnsw->scratches = scratches;
    *ret_hnsw = hnsw;
    return ENGINE_OK;
}

void
hnsw_free(struct hnsw *hnsw)
{
    if (hnsw == NULL)
        return;
    slab_release(&hnsw->nodes);
    slab_release(&hnsw->links);
    slab_release(&hnsw->upper);
    pthread_mutex_destroy(&hnsw->grow_mutex);
    pthread_mutex_destroy(&hnsw->entry_mutex);
    pthread_mutex_destroy(&hnsw->sweep.lock);
    hnsw_sweep_release(hnsw);
    scratch_pool_free(hnsw->scratches);
    free(hnsw);
}

enum engine_code
hnsw_reserve(struct hnsw *hnsw, uint32_t slot, struct error *reterr)
{
    if (slot < slab_capacity(&hnsw->nodes) &&
        slot < slab_capacity(&hnsw->links))
        return ENGINE_OK;
    pthread_mutex_lock(&hnsw->grow_mutex);
    enum engine_code code = slab_reserve(&hnsw->links, slot + 1, reterr);
    if (code == ENGINE_OK)
        code = slab_reserve(&hnsw->nodes, slot + 1, reterr);
    pthread_mutex_unlock(&hnsw->grow_mutex);
    return code;
}

/* ---- upper rows and cutting off ---- */

static hnsw_link *
upper_row(const struct hnsw *hnsw, uint32_t upper)
{
    return slab_row(&hnsw->upper, upper);
}

enum engine_code
hnsw_upper_take(struct hnsw *hnsw, uint32_t level, uint32_t *ret_upper,
                struct error *reterr)
{
    assert(level > 0 && level <= HNSW_LEVEL_MAX);
    uint32_t *first = &hnsw->upper_free[level];
    if (*first != 0) {
        *ret_upper = *first - 1;
        *first = hnsw_link_load(upper_row(hnsw, *ret_upper));
        return ENGINE_OK;
    }
    uint32_t upper = atomic_load(&hnsw->upper_count);
    enum engine_code code = slab_reserve(&hnsw->upper, upper + level, reterr);
    if (code != ENGINE_OK)
        return code;
    atomic_store(&hnsw->upper_count, upper + level);
    *ret_upper = upper;
    return ENGINE_OK;
}

/* The caller holds grow_mutex. */
static void
node_forget(struct hnsw *hnsw, uint32_t slot)
{
    struct hnsw_node *node = hnsw_node(hnsw, slot);
    uint32_t state = hnsw_state(hnsw, slot);
    uint32_t level = atomic_load(&node->level);
    assert(state == HNSW_NONE || state == HNSW_OPEN);
    if (state == HNSW_OPEN && level > 0) {
        uint32_t upper = atomic_load(&node->upper);
        hnsw_link_store(upper_row(hnsw, upper), hnsw->upper_free[level]);
        hnsw->upper_free[level] = upper + 1;
    }
    if (state == HNSW_OPEN)
        atomic_store(&node->state, HNSW_NONE);
}

void
hnsw_cut(struct hnsw *hnsw, uint32_t end)
{
    pthread_mutex_lock(&hnsw->grow_mutex);
    uint32_t old = atomic_load(&hnsw->slot_end);
    for (uint32_t slot = end; slot < old; slot++)
        node_forget(hnsw, slot);
    /* Who raises it meanwhile does so for a slot below `end`. */
    if (end < old)
        atomic_store_explicit(&hnsw->slot_end, end, memory_order_release);
    slab_cut(&hnsw->links, end);
    slab_cut(&hnsw->nodes, end);
    pthread_mutex_unlock(&hnsw->grow_mutex);
    scratch_pool_cut(hnsw->scratches, end);
}

uint32_t
hnsw_level_of(const struct hnsw *hnsw, uint32_t slot)
{
    /* splitmix64: Steele, Lea, Flood 2014. */
    uint64_t z =
        hnsw->params.seed + ((uint64_t)slot + 1) * UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    z ^= z >> 31;
    double uniform = ((double)(z >> 11) + 1.0) * 0x1p-53; /* (0, 1] */
    double level = -log(uniform) * hnsw->level_scale;
    return level < HNSW_LEVEL_MAX ? (uint32_t)level : HNSW_LEVEL_MAX;
}

bool
hnsw_is_linked(const struct hnsw *hnsw, uint32_t slot)
{
    return slot < slab_capacity(&hnsw->nodes) &&
           hnsw_state(hnsw, slot) == HNSW_LINKED;
}

bool
hnsw_is_held(const struct hnsw *hnsw, uint32_t slot)
{
    return slot < slab_capacity(&hnsw->nodes) &&
           hnsw_state(hnsw, slot) >= HNSW_LINKED;
}

struct hnsw_params
hnsw_params_of(const struct hnsw *hnsw)
{
    struct hnsw_params params = hnsw->params;
    params.ef_construct = hnsw->ef_construct;
    return params;
}

void
hnsw_set_ef_construct(struct hnsw *hnsw, uint32_t ef_construct)
{
    assert(ef_construct >= 1 && ef_construct <= HNSW_EF_MAX);
    hnsw->ef_construct = ef_construct;
}

void
hnsw_set_codes(struct hnsw *hnsw, const struct codes *codes)
{
    assert(codes != NULL && hnsw->rows.codes != NULL);
    assert(codes->params.dim == hnsw->params.dim);
    hnsw->rows.codes = codes;
    atomic_store(&hnsw->codes, codes);
}

uint32_t
hnsw_linked_count(const struct hnsw *hnsw)
{
    return atomic_load_explicit(&hnsw->linked_count, memory_order_acquire);
}

struct memory_report
hnsw_memory(const struct hnsw *hnsw)
{
    struct memory_report sum = { sizeof(*hnsw), sizeof(*hnsw) };
    struct memory_report parts[3] = {
        slab_memory(&hnsw->nodes),
        slab_memory(&hnsw->links),
        slab_memory(&hnsw->upper),
    };
    for (size_t i = 0; i < 3; i++) {
        sum.reserved_size += parts[i].reserved_size;
        sum.used_size += parts[i].used_size;
    }
    size_t idle = scratch_pool_size(hnsw->scratches);
    sum.reserved_size += idle;
    sum.used_size += idle;
    return sum;
}
