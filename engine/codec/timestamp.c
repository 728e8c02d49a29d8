/* SPDX-License-Identifier: Apache-2.0
 * Texts of moments. */
#include "engine/codec/timestamp.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

void
timestamp_plain(int64_t seconds, char ret_text[TIMESTAMP_SIZE])
{
    struct tm parts;
    time_t time = (time_t)seconds;
    /* A year that no struct tm holds has no text. */
    if (gmtime_r(&time, &parts) == NULL ||
        strftime(ret_text, TIMESTAMP_SIZE, "%Y-%m-%dT%H:%M:%S", &parts) == 0)
        ret_text[0] = '\0';
}

static void
end_add(char *text, const char *end)
{
    size_t size = strlen(text);
    if (size > 0)
        snprintf(text + size, TIMESTAMP_SIZE - size, "%s", end);
}

void
timestamp_seconds(int64_t seconds, char ret_text[TIMESTAMP_SIZE])
{
    timestamp_plain(seconds, ret_text);
    end_add(ret_text, "Z");
}

void
timestamp_ms(uint64_t ms, char ret_text[TIMESTAMP_SIZE])
{
    char end[8];
    snprintf(end, sizeof(end), ".%03uZ", (unsigned)(ms % 1000));
    timestamp_plain((int64_t)(ms / 1000), ret_text);
    end_add(ret_text, end);
}
