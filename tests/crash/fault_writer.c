/* SPDX-License-Identifier: Apache-2.0
 * One life of a collection under faults: opens it, compares everything with a
 * ledger, then changes it until it is killed, a fault ends it, or it is done.
 *   fault_writer FOLDER SEED CHANGES
 * The ledger is a shared mapping beside the collection: it outlives a kill -9
 * at any instant. What was acknowledged must be there; what was under way is
 * there as a whole or not at all. What was refused is seen as a whole or not
 * at all (its write may have worked and the sync failed), and once a later
 * change was acknowledged, that is how it stays. Contents follow from id and
 * version, so that every byte is compared.
 * Exit status: 0 done, 1 the collection is not what the ledger says, 3 it did
 * not open (a report says why), 99 by the fault library. */
#define _GNU_SOURCE
#include "engine/codec/json_read.h"
#include "engine/collection/lifecycle.h"
#include "engine/filter/filter.h"
#include "engine/kernel/kernel.h"

#include <assert.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define IDS_COUNT     600u
#define BATCH_MAX     24u
#define PENDING_MAX   3u
#define DIM           12u
#define TEXT_SIZE_MAX 3000u
#define ARENA_SIZE    ((size_t)256 << 20)

/* Content of a point; 0: it is not there. */
struct state {
    uint32_t vector;
    uint32_t payload;
};

struct pending {
    uint32_t count;
    uint32_t is_seen; /* refused, but readers see it */
    uint32_t ids[BATCH_MAX];
    struct state after[BATCH_MAX];
};

/* `pending` may or may not have happened, each as a whole, in order. */
struct ledger {
    uint32_t is_made;
    uint32_t pending_count;
    uint32_t next_version;
    uint32_t unused;
    /* test_faults.py reads the two at bytes 16 and 24. */
    uint64_t acknowledged; /* points in acknowledged changes */
    uint64_t refused;      /* changes */
    struct state points[IDS_COUNT];
    struct pending pending[PENDING_MAX];
};

static_assert(offsetof(struct ledger, acknowledged) == 16,
              "test_faults.py reads it there");

static struct ledger *ledger;
static struct collection *collection;
static uint64_t seed;

static uint32_t
below(uint32_t bound)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 33) % bound;
}

static uint64_t
mix(uint64_t a, uint64_t b)
{
    uint64_t z = (a * UINT64_C(0x9e3779b97f4a7c15)) ^ (b + 1);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static void
vector_of(uint32_t id, uint32_t version, float *ret_values)
{
    for (uint32_t i = 0; i < DIM; i++)
        ret_values[i] =
            (float)(mix(id, (uint64_t)version * DIM + i) % 2001) / 100 - 10;
}

/* Payloads of all sizes: some batches span several blocks of the log. */
static struct span
payload_of(uint32_t id, uint32_t version, char *text)
{
    uint64_t hash = mix(id, (uint64_t)version << 20);
    uint32_t size = (uint32_t)(hash % (hash % 7 == 0 ? TEXT_SIZE_MAX : 60));
    int used = snprintf(text, 64, "{\"id\":%u,\"v\":%u,\"t\":\"", id, version);
    for (uint32_t i = 0; i < size; i++)
        text[used++] = (char)('a' + (hash >> (i % 40)) % 26);
    memcpy(text + used, "\"}", 3);
    return (struct span){ text, (size_t)used + 2 };
}

static void
arm(void)
{
    void (*call)(void) = NULL;
    void *found = dlsym(RTLD_DEFAULT, "fault_io_arm");
    memcpy(&call, &found, sizeof(call));
    if (call != NULL)
        call();
}

static void
report(void *ctx, const char *name, const char *text)
{
    (void)ctx;
    (void)name;
    fprintf(stderr, "report: %s\n", text);
}

/* ---- comparing ---- */

static bool
record_is(const struct record *record, uint32_t id, struct state state)
{
    char text[TEXT_SIZE_MAX + 64];
    float values[DIM];
    struct span payload = payload_of(id, state.payload, text);
    vector_of(id, state.vector, values);
    return state.vector != 0 && span_equal(record->payload, payload) &&
           record->vectors_count == 1 && record->vectors[0].dim == DIM &&
           memcmp(record->vectors[0].values, values, sizeof(values)) == 0;
}

static bool
agrees(const struct records *records, const struct state *points)
{
    size_t at = 0;
    for (uint32_t id = 0; id < IDS_COUNT; id++) {
        bool is_there =
            at < records->count && records->items[at].id.number == id;
        if (is_there != (points[id].vector != 0))
            return false;
        if (is_there && !record_is(&records->items[at++], id, points[id]))
            return false;
    }
    return at == records->count;
}

static void
complain(const struct records *records, const char *when)
{
    size_t at = 0;
    for (uint32_t id = 0; id < IDS_COUNT; id++) {
        bool is_there =
            at < records->count && records->items[at].id.number == id;
        struct state state = ledger->points[id];
        bool is_right = is_there ? record_is(&records->items[at], id, state)
                                 : state.vector == 0;
        if (!is_right)
            fprintf(stderr, "%s: %u should be %u/%u, is %.60s\n", when, id,
                    state.vector, state.payload,
                    is_there ? records->items[at].payload.data : "absent");
        at += is_there;
    }
    for (uint32_t i = 0; i < ledger->pending_count; i++) {
        fprintf(stderr, "pending %u:", i);
        for (uint32_t k = 0; k < ledger->pending[i].count; k++)
            fprintf(stderr, " %u=%u/%u", ledger->pending[i].ids[k],
                    ledger->pending[i].after[k].vector,
                    ledger->pending[i].after[k].payload);
        fprintf(stderr, "\n");
    }
}

static void
settle(struct state *points, const struct pending *pending)
{
    for (uint32_t i = 0; i < pending->count; i++)
        points[pending->ids[i]] = pending->after[i];
}

/* Whether the collection is what the ledger says with some of the pending
 * changes: *ret_set has a bit for each that is there. Where several sets fit,
 * the one that is most like *ret_set is taken. */
static bool
check_all(const char *when, uint32_t *ret_set)
{
    struct arena arena;
    arena_init(&arena, ARENA_SIZE);
    struct scroll_command command = {
        .limit = IDS_COUNT + 1,
        .output = { .payload = { .selection = SELECT_ALL },
                    .vectors = { .selection = SELECT_ALL } }
    };
    struct records records = { 0 };
    struct error error = { 0 };
    bool is_right = false;
    enum engine_code code =
        collection_scroll(collection, &command, &arena, &records, &error);
    if (code != ENGINE_OK) {
        fprintf(stderr, "%s: scroll: %s\n", when, error.text);
        goto out;
    }
    static struct state points[IDS_COUNT];
    uint32_t known = *ret_set;
    for (uint32_t i = 0; i < 1u << ledger->pending_count && !is_right; i++) {
        uint32_t set = i ^ known;
        memcpy(points, ledger->points, sizeof(points));
        for (uint32_t k = 0; k < ledger->pending_count; k++)
            if ((set >> k & 1) != 0)
                settle(points, &ledger->pending[k]);
        is_right = agrees(&records, points);
        *ret_set = set;
    }
    if (!is_right)
        complain(&records, when);
out:
    arena_release(&arena);
    return is_right;
}

/* The ledger with the pending changes of `set`. */
static void
settle_all(uint32_t set)
{
    for (uint32_t i = 0; i < ledger->pending_count; i++)
        if ((set >> i & 1) != 0)
            settle(ledger->points, &ledger->pending[i]);
    __sync_synchronize();
    ledger->pending_count = 0;
}

/* The index and the count tell the same as the points. */
static bool
check_counts(void)
{
    uint64_t expected = 0, all = 0, indexed = 0;
    for (uint32_t id = 0; id < IDS_COUNT; id++)
        expected += ledger->points[id].vector != 0;
    struct path_step step = { .key = { "v", 1 }, .index = PATH_INDEX_NONE };
    struct condition condition = {
        .kind = CONDITION_RANGE,
        .path = { .steps = &step, .steps_count = 1, .text = { "v", 1 } },
    };
    condition.range.has_gte = true;
    struct filter filter = { .must = { &condition, 1 } };
    struct count_command command = { .is_exact = true };
    struct error error = { 0 };
    enum engine_code code =
        collection_count(collection, &command, &all, &error);
    command.filter = &filter;
    if (code == ENGINE_OK)
        code = collection_count(collection, &command, &indexed, &error);
    if (code == ENGINE_OK && all == expected && indexed == expected)
        return true;
    fprintf(stderr, "%lu points, %lu by index, should be %lu (%s)\n",
            (unsigned long)all, (unsigned long)indexed, (unsigned long)expected,
            error.text);
    return false;
}

/* ---- changing ---- */

/* One random change; what it does stands in `pending` before it is asked. */
struct plan {
    struct update update;
    struct point points[BATCH_MAX];
    struct named_vector vectors[BATCH_MAX];
    struct point_id ids[BATCH_MAX];
    float values[BATCH_MAX][DIM];
    char texts[BATCH_MAX][TEXT_SIZE_MAX + 64];
};

static void
plan_upsert(struct plan *plan, struct pending *pending)
{
    plan->update.kind = UPDATE_UPSERT;
    pending->count = 1 + below(BATCH_MAX);
    for (uint32_t i = 0; i < pending->count; i++) {
        uint32_t id = below(IDS_COUNT), version = ledger->next_version++;
        pending->ids[i] = id;
        pending->after[i] = (struct state){ version, version };
        vector_of(id, version, plan->values[i]);
        plan->vectors[i] =
            (struct named_vector){ .values = plan->values[i], .dim = DIM };
        plan->points[i] = (struct point){ .id = { .number = id },
                                          .vectors = &plan->vectors[i],
                                          .vectors_count = 1,
                                          .payload = payload_of(
                                              id, version, plan->texts[i]) };
    }
    plan->update.points = plan->points;
    plan->update.points_count = pending->count;
}

/* A selection of points that are there, none twice. */
static void
plan_some(struct plan *plan, struct pending *pending, uint32_t count_max)
{
    uint32_t at = below(IDS_COUNT);
    pending->count = 0;
    for (uint32_t i = 0; i < IDS_COUNT && pending->count < count_max; i++) {
        uint32_t id = (at + i * 7) % IDS_COUNT;
        if (ledger->points[id].vector == 0)
            continue;
        plan->ids[pending->count].number = id;
        pending->after[pending->count] = ledger->points[id];
        pending->ids[pending->count++] = id;
    }
    plan->update.selector.ids = plan->ids;
    plan->update.selector.ids_count = pending->count;
}

static void
plan_change(struct plan *plan, struct pending *pending)
{
    uint32_t what = below(10);
    memset(plan, 0, sizeof(*plan));
    if (what < 3)
        plan_some(plan, pending, 1 + below(BATCH_MAX));
    if (what >= 3 || pending->count == 0) {
        plan_upsert(plan, pending);
    } else if (what == 0) {
        /* One point: its payload names it. */
        plan_some(plan, pending, 1);
        uint32_t version = ledger->next_version++;
        pending->after[0].payload = version;
        plan->update.kind = UPDATE_OVERWRITE_PAYLOAD;
        plan->update.payload =
            payload_of(pending->ids[0], version, plan->texts[0]);
    } else {
        plan->update.kind = UPDATE_DELETE;
        for (uint32_t i = 0; i < pending->count; i++)
            pending->after[i] = (struct state){ 0, 0 };
    }
}

/* False: the collection is not what it should be. */
static bool
change(void)
{
    static struct plan plan;
    struct pending *pending = &ledger->pending[ledger->pending_count];
    plan_change(&plan, pending);
    pending->is_seen = 0;
    __sync_synchronize();
    ledger->pending_count++;
    __sync_synchronize();
    struct update_options options = { .wait = below(2) == 0 };
    struct update_result result;
    struct error error = { 0 };
    enum engine_code code =
        collection_update(collection, &plan.update, &options, &result, &error);
    uint32_t last = ledger->pending_count - 1, set = 0;
    for (uint32_t i = 0; i < last; i++)
        set |= ledger->pending[i].is_seen << i;
    if (code == ENGINE_OK) {
        ledger->acknowledged += pending->count;
        settle_all(set | 1u << last);
        return true;
    }
    ledger->refused++;
    fprintf(stderr, "refused: %s\n", error.text);
    uint32_t seen = set;
    if (!check_all("after a refusal", &seen))
        return false;
    for (uint32_t i = 0; i < last; i++)
        if ((seen >> i & 1) != ledger->pending[i].is_seen) {
            fprintf(stderr, "a refused change came or went later\n");
            return false;
        }
    pending->is_seen = seen >> last;
    return true;
}

/* ---- life ---- */

static struct ledger *
ledger_map(const char *folder)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s.ledger", folder);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, sizeof(struct ledger)) != 0)
        return NULL;
    void *map = mmap(NULL, sizeof(struct ledger), PROT_READ | PROT_WRITE,
                     MAP_SHARED, fd, 0);
    close(fd);
    return map == MAP_FAILED ? NULL : map;
}

static enum engine_code
create(const struct collection_options *options, struct error *reterr)
{
    static const char text[] =
        "{\"vectors\":{\"size\":12,\"distance\":\"Euclid\"},"
        "\"hnsw_config\":{\"m\":6,\"ef_construct\":24,"
        "\"full_scan_threshold\":10},"
        "\"optimizers_config\":{\"indexing_threshold\":1}}";
    struct arena arena;
    yyjson_doc *doc = NULL;
    struct collection_config config;
    arena_init(&arena, ARENA_SIZE);
    enum engine_code code = json_parse(span_of(text), &doc, reterr);
    if (code == ENGINE_OK)
        code = config_parse(yyjson_doc_get_root(doc), &arena, &config, reterr);
    if (code == ENGINE_OK)
        code = collection_create(options, span_of("it"), &config, &collection,
                                 reterr);
    yyjson_doc_free(doc);
    arena_release(&arena);
    if (code != ENGINE_OK)
        return code;
    struct path_step step = { .key = { "v", 1 }, .index = PATH_INDEX_NONE };
    struct payload_path key = { .steps = &step,
                                .steps_count = 1,
                                .text = { "v", 1 } };
    struct update update = { .kind = UPDATE_CREATE_INDEX,
                             .key = &key,
                             .schema = PAYLOAD_SCHEMA_INTEGER };
    struct update_options wait = { .wait = true };
    struct update_result result;
    return collection_update(collection, &update, &wait, &result, reterr);
}

static enum engine_code
begin(const char *folder)
{
    struct collection_options options = { .path = folder,
                                          .report = report,
                                          .checkpoint_interval_ms = 5 };
    struct error error = { 0 };
    enum engine_code code = ledger->is_made
                                ? collection_open(&options, &collection, &error)
                                : create(&options, &error);
    if (code != ENGINE_OK)
        fprintf(stderr, "not opened: %s\n", error.text);
    else
        ledger->is_made = 1;
    return code;
}

int
main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    seed = strtoull(argv[2], NULL, 10);
    long changes = strtol(argv[3], NULL, 10);
    ledger = ledger_map(argv[1]);
    if (ledger == NULL)
        return 2;
    if (ledger->next_version == 0)
        ledger->next_version = 1;
    if (begin(argv[1]) != ENGINE_OK)
        return 3;
    uint32_t set = 0;
    if (!check_all("opened", &set))
        return 1;
    settle_all(set);
    if (!check_counts())
        return 1;
    if (write(STDOUT_FILENO, "ready\n", 6) != 6)
        return 2;
    arm();
    for (long i = 0; i < changes && ledger->pending_count < PENDING_MAX; i++) {
        if (!change())
            return 1;
        for (uint32_t k = below(4); k > 0; k--)
            (void)collection_work(collection);
    }
    if (below(2) == 0)
        collection_close(collection);
    /* Otherwise it ends as a killed process does. */
    _exit(0);
}
