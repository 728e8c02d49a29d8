/* SPDX-License-Identifier: Apache-2.0
 * Feeds every file of a corpus to a fuzz target, without libFuzzer: the name
 * of the program says which (fuzz_path reads tests/fuzz/corpus/path). Each
 * file is also given cut at every place, which reaches most error paths. In
 * a build with libFuzzer (engine.sh) this is empty: libFuzzer has the main. */
#ifndef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_SIZE_MAX ((size_t)64 << 10)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* From a buffer of its own size, so that a sanitizer sees one byte past it. */
static void
run(const char *data, size_t size)
{
    uint8_t *input = malloc(size == 0 ? 1 : size);
    if (input == NULL)
        abort();
    memcpy(input, data, size);
    (void)LLVMFuzzerTestOneInput(input, size);
    free(input);
}

static int
replay_file(const char *path)
{
    static char data[INPUT_SIZE_MAX];
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        return 1;
    }
    size_t size = fread(data, 1, sizeof(data), file);
    fclose(file);
    for (size_t cut = 0; cut <= size; cut++)
        run(data, cut);
    return 0;
}

int
main(int argc, char **argv)
{
    (void)argc;
    const char *top = getenv("top_srcdir");
    const char *name = strstr(argv[0], "fuzz_");
    for (const char *next = name; next != NULL;
         next = strstr(next + 1, "fuzz_"))
        name = next;
    if (name == NULL)
        return 1;
    static char folder[4096], path[8192];
    snprintf(folder, sizeof(folder), "%s/tests/fuzz/corpus/%s",
             top == NULL ? "." : top, name + strlen("fuzz_"));
    DIR *dir = opendir(folder);
    if (dir == NULL) {
        perror(folder);
        return 1;
    }
    int count = 0, failed = 0;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        failed += replay_file(path);
        count++;
    }
    closedir(dir);
    /* One TAP line: make check reads it. */
    printf("1..1\n%s 1 - %s replays %d inputs\n",
           failed == 0 && count > 0 ? "ok" : "not ok", name, count);
    return failed == 0 && count > 0 ? 0 : 1;
}
#endif
