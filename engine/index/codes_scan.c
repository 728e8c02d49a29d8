/* SPDX-License-Identifier: Apache-2.0
 * A scan on codes: each estimate gives bounds of the row's distance. The k-th
 * lowest upper bound is one that no row of the answer is above, so candidates
 * are the rows whose lower bound is not above it. Their vectors are read by
 * ascending lower bound, until that is above the k-th exact distance.
 * Invariant: `limit` only falls; no row above it is in the answer. */
#include "engine/index/codes_scan.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "engine/index/hnsw_graph.h"

/* Deviations that an estimate is given, as in hnsw_rescore.c. */
#define ERROR_FACTOR  4.0f
#define STOPPER_PARTS 16u
/* Candidates before the first are thrown out again. */
#define ROOM_MIN 1024u
/* Vectors at once, after the first k. */
#define PART_COUNT 16u

struct scanner {
    const struct codes_scan *scan;
    const struct codes *codes;
    struct row_form form; /* of the vectors */
    const void *query;    /* as row_form_ask() makes it */
    void *query_row;      /* owned; NULL: `query` is the caller's */
    struct codes_query asked;
    float limit;
    float margin;          /* of estimates, where all have the same */
    bool has_bitsets;      /* of the filter */
    struct key_list upper; /* the lowest upper bounds */
    struct key_list best;  /* exact distances */
    uint64_t *candidates;  /* keys of lower bounds */
    size_t candidate_count;
    size_t candidate_room;
    char *fetched; /* KERNEL_ROWS_MAX rows */
};

/* Slots on their way to be scored. */
struct part {
    uint32_t count;
    uint32_t slots[KERNEL_ROWS_MAX];
    const uint8_t *rows[KERNEL_ROWS_MAX];
};

static void
scanner_release(struct scanner *scanner)
{
    codes_query_release(&scanner->asked);
    free(scanner->upper.keys);
    free(scanner->best.keys);
    free(scanner->candidates);
    free(scanner->fetched);
    free(scanner->query_row);
}

/* The query as a row and in the terms of the codes; false without memory. */
static bool
ask(struct scanner *scanner, const float *query)
{
    const struct row_form *form = &scanner->form;
    if (form->datatype == DATATYPE_F32) {
        codes_ask(scanner->codes, query, &scanner->asked);
        return true;
    }
    float *room = malloc(form->dim * sizeof(*room));
    scanner->query_row = malloc(row_form_query_size(form));
    bool has_room = room != NULL && scanner->query_row != NULL;
    if (has_room) {
        row_form_ask(form, query, scanner->query_row);
        scanner->query = scanner->query_row;
        codes_ask(scanner->codes,
                  row_form_asked(form, query, scanner->query_row, room),
                  &scanner->asked);
    }
    free(room);
    return has_room;
}

static bool
has_bitsets(const struct slot_filter *filter)
{
    return filter != NULL && (filter->deleted != NULL || filter->view != NULL ||
                              filter->allowed != NULL);
}

static enum engine_code
scanner_init(struct scanner *scanner, const struct codes_scan *scan,
             const float *query, uint32_t k, struct error *reterr)
{
    const struct codes_params *params = &scan->rows->codes->params;
    size_t key_size = sizeof(uint64_t);
    *scanner = (struct scanner){ .scan = scan,
                                 .codes = scan->rows->codes,
                                 .form = { scan->rows->datatype, params->metric,
                                           params->dim },
                                 .query = query,
                                 .limit = scan->distance_max,
                                 .has_bitsets = has_bitsets(scan->filter) };
    enum engine_code code =
        codes_query_init(&scanner->asked, scanner->codes, reterr);
    if (code != ENGINE_OK)
        return code;
    scanner->upper = (struct key_list){ malloc(k * key_size), 0, k };
    scanner->best = (struct key_list){ malloc(k * key_size), 0, k };
    scanner->candidate_room = 2 * (size_t)k + ROOM_MIN;
    scanner->candidates = malloc(scanner->candidate_room * key_size);
    bool has_room = scanner->upper.keys != NULL && scanner->best.keys != NULL &&
                    scanner->candidates != NULL;
    if (scan->rows->vectors == NULL) {
        scanner->fetched =
            malloc(KERNEL_ROWS_MAX * row_form_size(&scanner->form));
        has_room = has_room && scanner->fetched != NULL;
    }
    if (!has_room || !ask(scanner, query)) {
        scanner_release(scanner);
        return error_memory(reterr);
    }
    if (codes_has_one_error(scanner->codes))
        scanner->margin =
            ERROR_FACTOR * codes_row_error(scanner->codes, &scanner->asked, 0);
    return ENGINE_OK;
}

static void
lower_limit(struct scanner *scanner, const struct key_list *list)
{
    if (list->count < list->count_max)
        return;
    float worst = key_distance(list->keys[list->count - 1]);
    if (worst < scanner->limit)
        scanner->limit = worst;
}

/* Room for one more: what fell behind the limit goes, else there is more. */
static bool
make_room(struct scanner *scanner)
{
    size_t kept = 0;
    assert(scanner->candidate_count <= scanner->candidate_room);
    for (size_t i = 0; i < scanner->candidate_count; i++)
        if (key_distance(scanner->candidates[i]) <= scanner->limit)
            scanner->candidates[kept++] = scanner->candidates[i];
    scanner->candidate_count = kept;
    if (kept <= scanner->candidate_room / 2)
        return true;
    size_t room = 2 * scanner->candidate_room;
    uint64_t *grown = realloc(scanner->candidates, room * sizeof(*grown));
    if (grown == NULL)
        return false;
    scanner->candidates = grown;
    scanner->candidate_room = room;
    return true;
}

/* What the distance of a row with that estimate may be. */
static void
bounds_of(const struct scanner *scanner, uint32_t slot, float estimate,
          float *ret_low, float *ret_high)
{
    float margin =
        ERROR_FACTOR * codes_row_error(scanner->codes, &scanner->asked, slot);
    *ret_low = estimate - margin;
    *ret_high = estimate + margin;
    if (isfinite(*ret_low) && isfinite(*ret_high))
        return;
    *ret_low = -INFINITY;
    *ret_high = INFINITY;
}

/* Places of a part whose lower bound may not be above the limit: most rows end
 * here, so no branch depends on them. What is no number stays. */
static uint32_t
select_places(const struct scanner *scanner, const float *estimates,
              uint32_t count, uint32_t *ret_places)
{
    uint32_t kept = 0;
    float above = codes_has_one_error(scanner->codes)
                      ? scanner->limit + scanner->margin
                      : INFINITY;
    for (uint32_t i = 0; i < count; i++) {
        ret_places[kept] = i;
        kept += !(estimates[i] > above);
    }
    return kept;
}

/* False without memory. */
static bool
score_part(struct scanner *scanner, struct part *part)
{
    HNSW_UNSET float estimates[KERNEL_ROWS_MAX];
    HNSW_UNSET uint32_t places[KERNEL_ROWS_MAX];
    const struct slot_filter *filter = scanner->scan->filter;
    codes_score(scanner->codes, &scanner->asked, part->slots, part->rows,
                part->count, estimates);
    uint32_t count = select_places(scanner, estimates, part->count, places);
    for (uint32_t i = 0; i < count; i++) {
        float low, high;
        uint32_t slot = part->slots[places[i]];
        bounds_of(scanner, slot, estimates[places[i]], &low, &high);
        if (low > scanner->limit || (filter != NULL && filter->accept != NULL &&
                                     !filter->accept(filter->accept_ctx, slot)))
            continue;
        if (scanner->candidate_count == scanner->candidate_room &&
            !make_room(scanner))
            return false;
        scanner->candidates[scanner->candidate_count++] = key_make(low, slot);
        (void)key_list_insert(&scanner->upper, key_make(high, slot));
        lower_limit(scanner, &scanner->upper);
    }
    return true;
}

static bool
is_due(const struct codes_scan *scan)
{
    return scan->stopper.is_due != NULL &&
           scan->stopper.is_due(scan->stopper.ctx);
}

/* Whether a slot passes what is asked of all, so without `accept`. */
static bool
is_listed(const struct codes_scan *scan, uint32_t slot)
{
    struct slot_filter bitsets = *scan->filter;
    bitsets.accept = NULL;
    return slot_filter_passes(&bitsets, slot);
}

/* Fills a part with the slots from `at` on and asks for their codes. Returns
 * the next place. */
static uint32_t
fill_part(const struct scanner *scanner, uint32_t at, struct part *ret_part)
{
    const struct codes_scan *scan = scanner->scan;
    const struct slab *slab = scanner->codes->rows;
    size_t size = codes_row_size(scanner->codes);
    uint32_t count = 0;
    for (; at < scan->slot_count && count < KERNEL_ROWS_MAX; at++) {
        uint32_t slot = scan->slots[at];
        if (scanner->has_bitsets && !is_listed(scan, slot))
            continue;
        const uint8_t *row = slab_row(slab, slot);
        for (size_t line = 0; line < size; line += CODE_LINE_SIZE)
            __builtin_prefetch(row + line);
        ret_part->slots[count] = slot;
        ret_part->rows[count++] = row;
    }
    ret_part->count = count;
    return at;
}

/* While one part is filled and its codes are fetched, the one before is
 * scored. */
static enum engine_code
collect(struct scanner *scanner, struct error *reterr)
{
    const struct codes_scan *scan = scanner->scan;
    HNSW_UNSET struct part parts[2];
    uint32_t filling = 0;
    assert(scan->slots != NULL || scan->slot_count == 0);
    uint32_t at = fill_part(scanner, 0, &parts[0]);
    for (uint32_t number = 0; parts[filling].count > 0; number++) {
        if (number % STOPPER_PARTS == 0 && is_due(scan))
            return error_set(reterr, ENGINE_ETIMEOUT,
                             "the scan on codes was stopped");
        at = fill_part(scanner, at, &parts[filling ^ 1]);
        if (!score_part(scanner, &parts[filling]))
            return error_memory(reterr);
        filling ^= 1;
    }
    return ENGINE_OK;
}

static enum engine_code
score_exact(struct scanner *scanner, const uint32_t *slots, uint32_t count,
            struct error *reterr)
{
    const struct hnsw_rows *rows = scanner->scan->rows;
    const struct row_form *form = &scanner->form;
    size_t size = row_form_size(form);
    HNSW_UNSET const void *vectors[KERNEL_ROWS_MAX];
    HNSW_UNSET float distances[KERNEL_ROWS_MAX];
    enum engine_code code = ENGINE_OK;
    assert(count > 0 && count <= KERNEL_ROWS_MAX);
    if (rows->vectors == NULL)
        code = rows->fetch(rows->fetch_ctx, slots, count, scanner->fetched,
                           reterr);
    if (code != ENGINE_OK)
        return code;
    for (uint32_t i = 0; i < count; i++)
        vectors[i] = rows->vectors == NULL ? scanner->fetched + i * size
                                           : slab_row(rows->vectors, slots[i]);
    row_form_kernel(form)(scanner->query, vectors, count, form->dim, distances);
    for (uint32_t i = 0; i < count; i++)
        (void)key_list_insert(&scanner->best, key_make(distances[i], slots[i]));
    lower_limit(scanner, &scanner->best);
    if (scanner->scan->rescored_count != NULL)
        *scanner->scan->rescored_count += count;
    return ENGINE_OK;
}

static int
key_compare(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

/* Exact distances of what may be among the best. */
static enum engine_code
settle(struct scanner *scanner, struct error *reterr)
{
    enum engine_code code = ENGINE_OK;
    uint32_t k = scanner->best.count_max;
    assert(k > 0 && scanner->best.count == 0);
    if (!make_room(scanner))
        return error_memory(reterr);
    qsort(scanner->candidates, scanner->candidate_count,
          sizeof(scanner->candidates[0]), key_compare);
    for (size_t at = 0; code == ENGINE_OK && at < scanner->candidate_count;) {
        HNSW_UNSET uint32_t slots[KERNEL_ROWS_MAX];
        size_t most = at < k ? k - at : PART_COUNT;
        uint32_t count = 0;
        if (is_due(scanner->scan))
            return error_set(reterr, ENGINE_ETIMEOUT,
                             "the scan on codes was stopped");
        most = most < KERNEL_ROWS_MAX ? most : KERNEL_ROWS_MAX;
        for (; count < most && at < scanner->candidate_count &&
               key_distance(scanner->candidates[at]) <= scanner->limit;
             at++)
            slots[count++] = key_slot(scanner->candidates[at]);
        if (count == 0)
            break;
        code = score_exact(scanner, slots, count, reterr);
    }
    return code;
}

enum engine_code
codes_search(const struct codes_scan *scan, const float *query, uint32_t k,
             struct hit *ret_hits, uint32_t *ret_count, struct error *reterr)
{
    assert(k > 0 && k <= HNSW_K_MAX && scan->rows->codes != NULL);
    struct scanner scanner;
    enum engine_code code = scanner_init(&scanner, scan, query, k, reterr);
    if (code != ENGINE_OK)
        return code;
    code = collect(&scanner, reterr);
    if (code == ENGINE_OK)
        code = settle(&scanner, reterr);
    for (uint32_t i = 0; code == ENGINE_OK && i < scanner.best.count; i++) {
        ret_hits[i].slot = key_slot(scanner.best.keys[i]);
        ret_hits[i].distance = key_distance(scanner.best.keys[i]);
    }
    if (code == ENGINE_OK)
        *ret_count = scanner.best.count;
    scanner_release(&scanner);
    return code;
}
