/* SPDX-License-Identifier: Apache-2.0
 * Latency of searches while points are replaced. Writes come by a timetable
 * (open loop): a writer that is late does not put off those after it, so the
 * time of a write counts from when it was due. */
#include "bench/churn_run.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/timing.h"

#define SAMPLES_MAX ((size_t)1 << 22)
#define WINDOWS     5 /* of each kind */

enum kind { IDLE, BATCHES, SINGLES, KIND_COUNT };

static const char *const kind_names[KIND_COUNT] = { "idle", "writing",
                                                    "writing_single" };

/* One kind over several windows: the calmest one counts, because a busy
 * neighbour makes none of them better. Processor time leaves out waiting, for
 * locks as well as for neighbours: a tail that only the other has is a wait. */
struct latency {
    struct timing searches;
    struct timing cpu;
    double p99s[WINDOWS];
    size_t window_count;
    size_t search_count;
    size_t batch;   /* points of a write; 0: idle */
    double *writes; /* seconds from due to acknowledged, of all windows */
    size_t write_count;
    size_t written_in_time; /* points acknowledged before their window ended */
};

/* The writes of one window. */
struct timetable {
    struct churn_run *run;
    struct latency *latency;
    size_t first; /* point */
    size_t count; /* points */
    double begin;
    double end;
    _Atomic size_t next; /* write */
    _Atomic size_t in_time;
    _Atomic bool is_failed;
};

static void *
write_work(void *ctx)
{
    struct timetable *table = ctx;
    struct latency *latency = table->latency;
    size_t batch = latency->batch, at;
    while ((at = atomic_fetch_add(&table->next, 1)) * batch < table->count) {
        size_t first = at * batch;
        size_t count =
            table->count - first < batch ? table->count - first : batch;
        double due = table->begin + (double)first / table->run->options->rate;
        timing_sleep_until(due);
        if (!churn_replace(table->run, table->first + first, count)) {
            atomic_store(&table->is_failed, true);
            break;
        }
        double now = timing_now_s();
        latency->writes[latency->write_count + at] = now - due;
        if (now <= table->end)
            atomic_fetch_add(&table->in_time, count);
    }
    return NULL;
}

/* Seconds of each search of a window. */
struct samples {
    double *wall; /* [SAMPLES_MAX] */
    double *cpu;
};

static void
take_window(struct latency *latency, const struct samples *samples,
            size_t count)
{
    struct timing wall = timing_of(samples->wall, count);
    struct timing cpu = timing_of(samples->cpu, count);
    bool is_first = latency->window_count == 0;
    if (is_first || wall.p99 < latency->searches.p99)
        latency->searches = wall;
    if (is_first || cpu.p99 < latency->cpu.p99)
        latency->cpu = cpu;
    latency->p99s[latency->window_count++] = wall.p99;
    latency->search_count += count;
}

/* One thread searches until `end`. */
static bool
search_until(struct churn_run *run, double end, const struct samples *samples,
             struct latency *latency)
{
    size_t count = 0;
    struct shelf_hit hits[SHELF_K_MAX];
    double now, cpu = timing_thread_cpu_s();
    do {
        const float *query = run->queries.values +
                             count % run->queries.row_count * run->queries.dim;
        uint32_t found = 0;
        double begin = timing_now_s();
        if (!shelf_search(&run->shelf, query, &run->options->walk, hits,
                          &found))
            return false;
        now = timing_now_s();
        double cpu_now = timing_thread_cpu_s();
        samples->wall[count] = now - begin;
        samples->cpu[count++] = cpu_now - cpu;
        cpu = cpu_now;
    } while (now < end && count < SAMPLES_MAX);
    take_window(latency, samples, count);
    return true;
}

/* Searches while `count` points are replaced. The writes that are late are
 * waited for after the searches. */
static bool
write_window(struct churn_run *run, size_t count, const struct samples *samples,
             struct latency *latency)
{
    pthread_t writers[CHURN_WRITERS_MAX];
    uint32_t started = 0;
    double begin = timing_now_s();
    struct timetable table = { .run = run,
                               .latency = latency,
                               .first = run->replaced,
                               .count = count,
                               .begin = begin,
                               .end =
                                   begin + (double)count / run->options->rate };
    assert(run->replaced + count <= run->live);
    while (started < run->options->writers &&
           pthread_create(&writers[started], NULL, write_work, &table) == 0)
        started++;
    bool is_done =
        started > 0 && search_until(run, table.end, samples, latency);
    for (uint32_t i = 0; i < started; i++)
        pthread_join(writers[i], NULL);
    run->replaced += count;
    latency->write_count += (count + latency->batch - 1) / latency->batch;
    latency->written_in_time += atomic_load(&table.in_time);
    return is_done && !atomic_load(&table.is_failed) &&
           shelf_wait_green(&run->shelf);
}

static void
print_latency(enum kind kind, struct latency *latency, double seconds)
{
    double p99_median = timing_of(latency->p99s, latency->window_count).p50;
    printf("{\"step\": \"%s\", \"searches\": %zu, \"p50_us\": %.1f, "
           "\"p99_us\": %.1f, \"max_us\": %.1f, \"p99_median_us\": %.1f, "
           "\"cpu_p50_us\": %.1f, \"cpu_p99_us\": %.1f",
           kind_names[kind], latency->search_count, latency->searches.p50 * 1e6,
           latency->searches.p99 * 1e6, latency->searches.most * 1e6,
           p99_median * 1e6, latency->cpu.p50 * 1e6, latency->cpu.p99 * 1e6);
    if (latency->write_count > 0) {
        struct timing writes = timing_of(latency->writes, latency->write_count);
        printf(", \"batch\": %zu, \"upserts_per_s\": %.1f, "
               "\"write_p50_us\": %.1f, \"write_p99_us\": %.1f",
               latency->batch, (double)latency->written_in_time / seconds,
               writes.p50 * 1e6, writes.p99 * 1e6);
    }
    puts("}");
    fflush(stdout);
}

/* Until the threads in the background, which sweep the dead out of the graph
 * when all is linked, have nothing to do; gives up after some seconds. */
static void
wait_calm(void)
{
    for (int i = 0; i < 100; i++) {
        double cpu = timing_cpu_s();
        timing_sleep_until(timing_now_s() + 0.05);
        if (timing_cpu_s() - cpu < 0.002)
            return;
    }
}

/* The kinds take turns, window by window. */
static bool
measure(struct churn_run *run, struct latency *latencies,
        const struct samples *samples)
{
    size_t count = (size_t)run->options->rate * run->options->seconds / WINDOWS;
    size_t count_max = run->live / (2 * WINDOWS * (KIND_COUNT - 1));
    count = count < count_max ? count : count_max;
    double seconds = (double)count / run->options->rate;
    for (int i = 0; i < WINDOWS; i++) {
        wait_calm();
        if (!search_until(run, timing_now_s() + seconds, samples,
                          &latencies[IDLE]))
            return false;
        for (enum kind kind = BATCHES; kind < KIND_COUNT; kind++)
            if (!write_window(run, count, samples, &latencies[kind]))
                return false;
    }
    for (enum kind kind = IDLE; kind < KIND_COUNT; kind++)
        print_latency(kind, &latencies[kind], seconds * WINDOWS);
    return true;
}

bool
churn_latency(struct churn_run *run)
{
    struct latency latencies[KIND_COUNT] = {
        [BATCHES] = { .batch = run->options->batch },
        [SINGLES] = { .batch = 1 },
    };
    struct samples samples = { .wall = calloc(SAMPLES_MAX, sizeof(double)),
                               .cpu = calloc(SAMPLES_MAX, sizeof(double)) };
    bool is_done = samples.wall != NULL && samples.cpu != NULL;
    for (enum kind kind = BATCHES; kind < KIND_COUNT; kind++) {
        latencies[kind].writes = calloc(run->live, sizeof(double));
        is_done = is_done && latencies[kind].writes != NULL;
    }
    if (is_done)
        is_done = measure(run, latencies, &samples);
    else
        fputs("azimuth-bench: out of memory\n", stderr);
    free(samples.wall);
    free(samples.cpu);
    for (enum kind kind = BATCHES; kind < KIND_COUNT; kind++)
        free(latencies[kind].writes);
    return is_done;
}
