/* SPDX-License-Identifier: Apache-2.0
 * NumPy array files, format versions 1 to 3: magic, version, header length, a
 * Python dict as text, then the numbers. */
#include "bench/npy.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEADER_SIZE_MAX 65536u

struct header {
    char type[8]; /* "<f4" */
    size_t rows;
    size_t dim;
};

static bool
fail(const char *path, const char *why)
{
    fprintf(stderr, "azimuth-bench: %s: %s\n", path, why);
    return false;
}

/* The text after `'key':`, or NULL. */
static const char *
find_value(const char *text, const char *key)
{
    const char *at = strstr(text, key);
    if (at == NULL)
        return NULL;
    at += strlen(key);
    while (*at == ' ' || *at == ':')
        at++;
    return at;
}

static bool
parse_size(const char **at, size_t *ret_size)
{
    while (**at == ' ' || **at == ',' || **at == '(')
        ++*at;
    if (!isdigit((unsigned char)**at))
        return false;
    char *end;
    errno = 0;
    unsigned long long value = strtoull(*at, &end, 10);
    if (errno != 0 || value > NPY_COUNT_MAX)
        return false;
    *at = end;
    *ret_size = (size_t)value;
    return true;
}

/* NULL, or what is wrong. */
static const char *
parse_dict(const char *text, struct header *ret_header)
{
    const char *type = find_value(text, "'descr'");
    const char *order = find_value(text, "'fortran_order'");
    const char *shape = find_value(text, "'shape'");
    if (type == NULL || order == NULL || shape == NULL)
        return "the array header lacks descr, fortran_order or shape";
    if (strncmp(type, "'<f4'", 5) != 0 && strncmp(type, "'<f2'", 5) != 0)
        return "not an array of little-endian float32 (or float16)";
    if (strncmp(order, "False", 5) != 0)
        return "the array is in Fortran order: save it with "
               "numpy.ascontiguousarray";
    struct header header = { .rows = 0 };
    memcpy(header.type, type + 1, 3);
    if (!parse_size(&shape, &header.rows) || !parse_size(&shape, &header.dim))
        return "the array does not have two dimensions";
    while (*shape == ' ' || *shape == ',')
        shape++;
    if (*shape != ')')
        return "the array does not have two dimensions";
    if (header.rows == 0 || header.dim == 0)
        return "the array is empty";
    if (header.rows > NPY_COUNT_MAX / header.dim)
        return "the array is too large";
    *ret_header = header;
    return NULL;
}

static const char *
read_header(FILE *file, struct header *ret_header)
{
    static char text[HEADER_SIZE_MAX + 1];
    unsigned char start[12];
    if (fread(start, 1, 8, file) != 8 || memcmp(start, "\x93NUMPY", 6) != 0)
        return "not a NumPy array file";
    size_t width = start[6] == 1 ? 2 : 4;
    if (start[6] < 1 || start[6] > 3)
        return "an unknown version of the NumPy format";
    if (fread(start + 8, 1, width, file) != width)
        return "the file is cut short";
    size_t size = 0;
    for (size_t i = 0; i < width; i++)
        size |= (size_t)start[8 + i] << (8 * i);
    if (size == 0 || size > HEADER_SIZE_MAX)
        return "the array header is too long";
    if (fread(text, 1, size, file) != size)
        return "the file is cut short";
    text[size] = '\0';
    return parse_dict(text, ret_header);
}

/* IEEE half to single. */
static float
widen(uint16_t half)
{
    int exponent = half >> 10 & 31;
    float fraction = (float)(half & 1023);
    float value = exponent == 0 ? ldexpf(fraction, -24)
                                : ldexpf(1024.0f + fraction, exponent - 25);
    if (exponent == 31)
        value = fraction > 0 ? NAN : INFINITY;
    return (half & 0x8000) != 0 ? -value : value;
}

static const char *
read_values(FILE *file, const struct header *header, float *values)
{
    size_t count = header->rows * header->dim;
    bool is_half = strcmp(header->type, "<f2") == 0;
    size_t size = is_half ? 2 : 4;
    if (fread(values, size, count, file) != count)
        return "the file is cut short";
    if (fgetc(file) != EOF)
        return "the file is longer than its array";
    for (size_t i = count; is_half && i-- > 0;) {
        uint16_t half;
        memcpy(&half, (const char *)values + i * 2, sizeof(half));
        values[i] = widen(half);
    }
    for (size_t i = 0; i < count; i++)
        if (!isfinite(values[i]))
            return "the array has a NaN or an infinity";
    return NULL;
}

bool
npy_read(const char *path, struct npy_matrix *ret_matrix)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return fail(path, strerror(errno));
    struct header header = { .rows = 0 };
    float *values = NULL;
    const char *why = read_header(file, &header);
    if (why == NULL) {
        values = malloc(header.rows * header.dim * sizeof(*values));
        why = values == NULL ? "not enough memory"
                             : read_values(file, &header, values);
    }
    fclose(file);
    if (why != NULL) {
        free(values);
        return fail(path, why);
    }
    ret_matrix->values = values;
    ret_matrix->row_count = header.rows;
    ret_matrix->dim = header.dim;
    return true;
}

bool
npy_read_pair(const char *base_path, const char *queries_path,
              struct npy_matrix *ret_base, struct npy_matrix *ret_queries)
{
    if (!npy_read(base_path, ret_base) || !npy_read(queries_path, ret_queries))
        return false;
    if (ret_base->dim == ret_queries->dim)
        return true;
    fprintf(stderr,
            "azimuth-bench: the base has %zu dimensions, the queries %zu\n",
            ret_base->dim, ret_queries->dim);
    return false;
}

bool
npy_write_i32(const char *path, const int32_t *values, const size_t shape[3])
{
    FILE *file = fopen(path, "wb");
    if (file == NULL)
        return fail(path, strerror(errno));
    char header[128];
    memset(header, ' ', sizeof(header));
    memcpy(header, "\x93NUMPY\x01\x00\x76\x00", 10);
    int size = snprintf(header + 10, sizeof(header) - 10,
                        "{'descr': '<i4', 'fortran_order': False, "
                        "'shape': (%zu, %zu, %zu), }",
                        shape[0], shape[1], shape[2]);
    header[10 + size] = ' ';
    header[127] = '\n';
    size_t count = shape[0] * shape[1] * shape[2];
    bool is_written = fwrite(header, 1, sizeof(header), file) == 128 &&
                      fwrite(values, 4, count, file) == count;
    if (fclose(file) != 0 || !is_written)
        return fail(path, "cannot be written");
    return true;
}
