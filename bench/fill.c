/* SPDX-License-Identifier: Apache-2.0
 * A collection filled from a matrix and a file of payloads. */
#include "bench/fill.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define UPSERT_POINTS 1000u

char *
fill_read_file(const char *path, size_t *ret_size)
{
    struct stat stat = { .st_size = 0 };
    FILE *file = fopen(path, "r");
    char *text = NULL;
    if (file != NULL && fstat(fileno(file), &stat) == 0)
        text = malloc((size_t)stat.st_size + 1);
    if (text != NULL &&
        fread(text, 1, (size_t)stat.st_size, file) == (size_t)stat.st_size) {
        text[stat.st_size] = '\0';
        if (ret_size != NULL)
            *ret_size = (size_t)stat.st_size;
    } else {
        fprintf(stderr, "azimuth-bench: cannot read %s\n", path);
        free(text);
        text = NULL;
    }
    if (file != NULL)
        fclose(file);
    return text;
}

bool
fill_lines_read(const char *path, size_t count, struct fill_lines *ret_lines)
{
    ret_lines->text = fill_read_file(path, NULL);
    ret_lines->lines = calloc(count, sizeof(*ret_lines->lines));
    if (ret_lines->text == NULL || ret_lines->lines == NULL)
        return false;
    char *at = ret_lines->text;
    for (size_t i = 0; i < count; i++) {
        char *end = strchr(at, '\n');
        if (end == NULL) {
            fputs("azimuth-bench: fewer payloads than points\n", stderr);
            return false;
        }
        *end = '\0';
        ret_lines->lines[i] = at;
        at = end + 1;
    }
    return true;
}

void
fill_lines_release(struct fill_lines *lines)
{
    free(lines->lines);
    free(lines->text);
    *lines = (struct fill_lines){ NULL, NULL };
}

bool
fill_shelf(struct shelf *shelf, const struct npy_matrix *base,
           const char *const *lines)
{
    static uint64_t ids[UPSERT_POINTS];
    static const float *rows[UPSERT_POINTS];
    size_t all = base->row_count;
    for (size_t first = 0; first < all; first += UPSERT_POINTS) {
        size_t count = all - first;
        count = count < UPSERT_POINTS ? count : UPSERT_POINTS;
        for (size_t i = 0; i < count; i++) {
            ids[i] = first + i;
            rows[i] = base->values + (first + i) * base->dim;
        }
        if (!shelf_put(shelf, ids, rows, count, lines + first))
            return false;
    }
    return shelf_wait_green(shelf);
}
