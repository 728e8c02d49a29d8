/* SPDX-License-Identifier: Apache-2.0
 * One sample waits at most. `lock` guards it, the rows and `is_stopping`;
 * nobody searches under it. The request is kept as its bytes and read again,
 * so that what it holds (filters above all) needs no copying of its own. */
#include "engine/api/recall.h"

#include "base/budget.h"
#include "base/clock.h"
#include "engine/api/rest_query.h"
#include "engine/segment/search.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LOWEST_NICE     19
#define ARENA_SIZE_MAX  ((size_t)64 << 20)
#define REST_NS_MIN     ((uint64_t)100 * 1000000) /* between two checks */
#define IDLE_DISK_CLASS 3                         /* of ioprio_set(2) */

struct sample {
    enum request_method method;
    bool is_grpc;
    char *text; /* path and body; NULL: there is none */
    size_t path_size, body_size;
};

struct row {
    char *name; /* NULL: free */
    size_t name_size;
    uint64_t checks, found, expected;
    uint64_t order; /* of the last check */
};

struct recall {
    struct api *api;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_stopping;
    struct sample sample;
    struct row rows[RECALL_COLLECTIONS_MAX];
    uint64_t checks_count;
    _Atomic uint64_t next_ns; /* no sample is wanted before */
};

/* ---- taking a sample ---- */

static bool
sample_take(struct sample *sample, const struct request *request)
{
    size_t size = request->path.size + request->body.size;
    char *text = malloc(size);
    if (text == NULL)
        return false;
    memcpy(text, request->path.data, request->path.size);
    memcpy(text + request->path.size, request->body.data, request->body.size);
    *sample = (struct sample){ .method = request->method,
                               .is_grpc = request->is_grpc,
                               .text = text,
                               .path_size = request->path.size,
                               .body_size = request->body.size };
    return true;
}

void
recall_offer(struct recall *recall, const struct call *call, uint64_t at_ns)
{
    const struct request *request = call->request;
    /* A part is the caller's, whom the copy does not know. */
    if (recall == NULL || call->route == NULL || call->part != NULL ||
        (call->route->flags & ROUTE_SEARCH) == 0 ||
        at_ns < atomic_load_explicit(&recall->next_ns, memory_order_relaxed) ||
        !query_is_plain(call->route) || request->body.size == 0 ||
        request->body.size > RECALL_BODY_SIZE_MAX)
        return;
    if (pthread_mutex_trylock(&recall->lock) != 0)
        return;
    if (recall->sample.text == NULL && !recall->is_stopping &&
        sample_take(&recall->sample, request)) {
        /* Until the check is over and says when the next one is due. */
        atomic_store(&recall->next_ns, UINT64_MAX);
        pthread_cond_signal(&recall->changed);
    }
    pthread_mutex_unlock(&recall->lock);
}

/* ---- checking it ---- */

static const char *
no_header(const struct request *request, const char *name)
{
    (void)request;
    (void)name;
    return NULL;
}

/* Nearest points of one vector, which a graph may miss. */
static bool
is_suited(const struct search_command *command)
{
    bool is_vector = command->vector != NULL || command->by_id != NULL;
    return command->query == NULL && command->prefetches_count == 0 &&
           is_vector && command->lookup.collection.size == 0 &&
           command->kind != VECTOR_SPARSE && !command->params.is_exact &&
           !command->params.is_indexed_only &&
           command->limit + command->offset <= RECALL_LIMIT_MAX;
}

static bool
id_is_in(const struct records *records, const struct record *wanted)
{
    for (size_t i = 0; i < records->count; i++) {
        if (point_id_compare(&records->items[i].id, &wanted->id) == 0)
            return true;
    }
    return false;
}

/* How many of the nearest the walk found. One as near as the last of them is as
 * good: which of equals is told is chance. */
static size_t
found_count(const struct records *walked, const struct records *exact)
{
    size_t count = 0, equals = 0, missed_equals = 0;
    float last = exact->items[exact->count - 1].score;
    for (size_t i = 0; i < exact->count; i++) {
        bool is_found = id_is_in(walked, &exact->items[i]);
        count += is_found ? 1 : 0;
        missed_equals += !is_found && exact->items[i].score == last ? 1 : 0;
    }
    for (size_t i = 0; i < walked->count; i++)
        equals += walked->items[i].score == last &&
                          !id_is_in(exact, &walked->items[i])
                      ? 1
                      : 0;
    return count + (equals < missed_equals ? equals : missed_equals);
}

/* The row of a collection, or the one it may have. Caller holds the lock. */
static struct row *
row_of(struct recall *recall, struct span name)
{
    struct row *oldest = &recall->rows[0];
    for (size_t i = 0; i < RECALL_COLLECTIONS_MAX; i++) {
        struct row *row = &recall->rows[i];
        if (row->name != NULL &&
            span_equal((struct span){ row->name, row->name_size }, name))
            return row;
        if (oldest->name != NULL &&
            (row->name == NULL || row->order < oldest->order))
            oldest = row;
    }
    char *copy = strndup(name.data, name.size);
    if (copy == NULL)
        return NULL;
    free(oldest->name);
    *oldest = (struct row){ .name = copy, .name_size = name.size };
    return oldest;
}

static void
row_count(struct recall *recall, struct span name, const struct records *walked,
          const struct records *exact)
{
    size_t found = found_count(walked, exact);
    pthread_mutex_lock(&recall->lock);
    struct row *row = row_of(recall, name);
    if (row != NULL) {
        row->checks++;
        row->found += found;
        row->expected += exact->count;
        row->order = ++recall->checks_count;
    }
    pthread_mutex_unlock(&recall->lock);
}

static void
check_command(struct recall *recall, struct call *call,
              struct search_command *command)
{
    struct records walked = { 0 }, exact = { 0 };
    struct arena *arena = &call->request->arena;
    command->output = (struct output_selection){ 0 };
    command->deadline_ms = SEGMENT_DEADLINE_IDLE;
    enum engine_code code =
        collection_search(call->collection, command, arena, &walked, NULL);
    command->params.is_exact = true;
    if (code == ENGINE_OK)
        code =
            collection_search(call->collection, command, arena, &exact, NULL);
    if (code == ENGINE_OK && exact.count > 0)
        row_count(recall, collection_name(call->collection), &walked, &exact);
}

/* False: the monitor ends. */
static bool
idle_begin(struct recall *recall)
{
    pthread_mutex_lock(&recall->lock);
    bool is_stopping = recall->is_stopping;
    if (!is_stopping)
        segment_idle_begin(clock_ns() / 1000000 + RECALL_TIME_MS_MAX);
    pthread_mutex_unlock(&recall->lock);
    return !is_stopping;
}

static void
check(struct recall *recall, const struct sample *sample)
{
    struct call call;
    struct reply reply;
    struct request request = {
        .method = sample->method,
        .path = { sample->text, sample->path_size },
        .body = { sample->text + sample->path_size, sample->body_size },
        .is_grpc = sample->is_grpc,
        .start_ns = clock_ns(),
        .header = no_header,
    };
    arena_init(&request.arena, ARENA_SIZE_MAX);
    arena_bind(&request.arena, &budget_requests);
    reply_init(&reply);
    struct search_command *command = NULL;
    /* Before the collection is kept: whoever deletes it later ends this. */
    if (!idle_begin(recall))
        goto out;
    if (call_again(recall->api, &request, &reply, &call))
        command = query_first(&call);
    if (command != NULL && is_suited(command))
        check_command(recall, &call, command);
    call_drop(&call);
out:
    reply_release(&reply);
    arena_release(&request.arena);
}

/* ---- the thread ---- */

/* The next sample; false: it is over. */
static bool
sample_wait(struct recall *recall, struct sample *ret_sample)
{
    pthread_mutex_lock(&recall->lock);
    while (!recall->is_stopping && recall->sample.text == NULL)
        pthread_cond_wait(&recall->changed, &recall->lock);
    *ret_sample = recall->sample;
    recall->sample.text = NULL;
    bool is_over = recall->is_stopping;
    pthread_mutex_unlock(&recall->lock);
    return !is_over;
}

/* A big scan may have had the help of all idle workers: it counts as if. */
static uint64_t
rest_ns(const struct recall *recall, uint64_t took_ns)
{
    const struct server_config *config = recall->api->options.config;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    uint64_t rest = took_ns * (cores > 0 ? (uint64_t)cores : 1) * 1000 /
                    config->recall_permille;
    return rest < REST_NS_MIN ? REST_NS_MIN : rest;
}

static void *
thread_main(void *ctx)
{
    struct recall *recall = ctx;
    struct sample sample;
    /* On Linux both are of this thread alone. It may hold locks that writers
     * want for a moment, so it is not SCHED_IDLE, which may starve. */
    (void)setpriority(PRIO_PROCESS, 0, LOWEST_NICE);
    (void)syscall(SYS_ioprio_set, 1 /* a thread */, 0, IDLE_DISK_CLASS << 13);
    while (sample_wait(recall, &sample)) {
        uint64_t begin_ns = clock_ns();
        check(recall, &sample);
        free(sample.text);
        uint64_t end_ns = clock_ns();
        atomic_store(&recall->next_ns,
                     end_ns + rest_ns(recall, end_ns - begin_ns));
    }
    free(sample.text);
    return NULL;
}

enum engine_code
recall_open(struct api *api, struct recall **ret_recall, struct error *reterr)
{
    struct recall *recall = calloc(1, sizeof(*recall));
    if (recall == NULL)
        return error_memory(reterr);
    recall->api = api;
    pthread_mutex_init(&recall->lock, NULL);
    pthread_cond_init(&recall->changed, NULL);
    if (pthread_create(&recall->thread, NULL, thread_main, recall) != 0) {
        pthread_cond_destroy(&recall->changed);
        pthread_mutex_destroy(&recall->lock);
        free(recall);
        return error_set(reterr, ENGINE_EINTERNAL,
                         "cannot start the thread of the recall monitor");
    }
    *ret_recall = recall;
    return ENGINE_OK;
}

void
recall_close(struct recall *recall)
{
    if (recall == NULL)
        return;
    pthread_mutex_lock(&recall->lock);
    recall->is_stopping = true;
    segment_idle_end();
    pthread_cond_signal(&recall->changed);
    pthread_mutex_unlock(&recall->lock);
    pthread_join(recall->thread, NULL);
    free(recall->sample.text);
    for (size_t i = 0; i < RECALL_COLLECTIONS_MAX; i++)
        free(recall->rows[i].name);
    pthread_cond_destroy(&recall->changed);
    pthread_mutex_destroy(&recall->lock);
    free(recall);
}

/* ---- metrics ---- */

static uint64_t
value_checks(const struct row *row)
{
    return row->checks;
}

static uint64_t
value_found(const struct row *row)
{
    return row->found;
}

static uint64_t
value_expected(const struct row *row)
{
    return row->expected;
}

void
recall_write_metrics(struct recall *recall, struct metrics_text *text)
{
    static const struct {
        const char *name, *help;
        uint64_t (*value)(const struct row *row);
    } families[] = {
        { "collection_recall_checks_total",
          "searches that were compared with the exact answer", value_checks },
        { "collection_recall_found_total",
          "nearest points that these searches found", value_found },
        { "collection_recall_expected_total",
          "nearest points that there were to find", value_expected },
    };
    if (recall == NULL)
        return;
    pthread_mutex_lock(&recall->lock);
    for (size_t f = 0; f < sizeof(families) / sizeof(families[0]); f++) {
        metrics_head(text, families[f].name, "counter", families[f].help);
        for (size_t i = 0; i < RECALL_COLLECTIONS_MAX; i++) {
            const struct row *row = &recall->rows[i];
            struct span name = { row->name, row->name_size };
            if (row->name == NULL ||
                !registry_exists(recall->api->options.registry, name))
                continue;
            metrics_name(text, families[f].name);
            bytes_add_text(text->out, "{id=");
            metrics_label_private(text, name);
            bytes_addf(text->out, "} %llu\n",
                       (unsigned long long)families[f].value(row));
        }
    }
    pthread_mutex_unlock(&recall->lock);
}
