/* SPDX-License-Identifier: Apache-2.0
 * The progress bar: "[######      ]  48 %  37,120 points, 5,210/s". */
#include "tools/progress.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BAR_WIDTH        30
#define DRAW_INTERVAL_MS 100
#define MEGABYTE         1000000u

static uint64_t
now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void
progress_start(struct progress *progress, const char *what, uint64_t total)
{
    *progress = (struct progress){
        .what = what,
        .divisor = strcmp(what, "MB") == 0 ? MEGABYTE : 1,
        .total = total,
        .started_ms = now_ms(),
        .is_shown = isatty(STDERR_FILENO) == 1,
    };
}

void
progress_set(struct progress *progress, uint64_t done)
{
    char bar[BAR_WIDTH + 1];
    uint64_t now = now_ms();
    if (!progress->is_shown || now < progress->drawn_ms + DRAW_INTERVAL_MS)
        return;
    progress->drawn_ms = now;
    double part =
        progress->total > 0 ? (double)done / (double)progress->total : 0;
    if (part > 1)
        part = 1;
    int full = (int)(part * BAR_WIDTH);
    for (int i = 0; i < BAR_WIDTH; i++)
        bar[i] = i < full ? '#' : ' ';
    bar[BAR_WIDTH] = '\0';
    double seconds = (double)(now - progress->started_ms) / 1000.0;
    double shown = (double)done / (double)progress->divisor;
    fprintf(stderr, "\r[%s] %3.0f %%  %.0f %s, %.0f/s  \033[K", bar, part * 100,
            shown, progress->what, seconds > 0 ? shown / seconds : 0.0);
    fflush(stderr);
}

double
progress_end(struct progress *progress)
{
    if (progress->is_shown && progress->drawn_ms > 0) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
    }
    return (double)(now_ms() - progress->started_ms) / 1000.0;
}
