/* SPDX-License-Identifier: Apache-2.0
 * Pieces of a file, mapped. Small things are cut from the newest piece in
 * classes of four sizes to each doubling; those given back are kept by class, a
 * link in their first bytes. Large ones have a piece of their own, which goes
 * with them. */
#define _GNU_SOURCE /* O_TMPFILE, fallocate, sync_file_range */
#include "engine/storage/disk_heap.h"

#include "base/clock.h"
#include "base/memory.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define STEP           16u
#define STEPS_MAX      8u /* up to 128 bytes each multiple is a class */
#define SMALL_SIZE_MAX ((size_t)64 << 10)
#define CLASSES        (STEPS_MAX + 4 * 9 + 1)
#define PIECE_SIZE_MIN ((size_t)256 << 10)
#define PIECE_SIZE_MAX ((size_t)16 << 20)
#define PAGE_SIZE      ((size_t)4096)
#define FOLDER_MAX     4096u
#define FULL_MS        1000u /* a full disk is not asked again */
#define OPENS_MAX      8u

struct piece {
    char *data;
    size_t size;
    uint64_t place; /* in the file */
    bool is_memory;
};

struct disk_heap {
    struct disk_heap *next, **back; /* of all; under `heaps_lock` */
    pthread_mutex_t lock;           /* guards what follows */
    char *folder;
    enum disk_heap_use use;
    int fd; /* -1: none yet */
    uint64_t file_end;
    uint64_t full_ms; /* when the disk was full; 0: it was not */
    struct piece *pieces;
    size_t pieces_count, pieces_room;
    size_t piece_size; /* of the next one */
    char *at, *end;    /* what is left of the newest */
    void *given[CLASSES];
    struct disk_heap_sizes sizes;
};

static pthread_mutex_t heaps_lock = PTHREAD_MUTEX_INITIALIZER;
static struct disk_heap *heaps;

struct disk_heap *
disk_heap_new(const char *folder, enum disk_heap_use use)
{
    struct disk_heap *heap = calloc(1, sizeof(*heap));
    if (heap == NULL)
        return NULL;
    heap->folder = strdup(folder);
    if (heap->folder == NULL) {
        free(heap);
        return NULL;
    }
    heap->use = use;
    heap->fd = -1;
    heap->piece_size = PIECE_SIZE_MIN;
    pthread_mutex_init(&heap->lock, NULL);
    pthread_mutex_lock(&heaps_lock);
    heap->next = heaps;
    heap->back = &heaps;
    if (heaps != NULL)
        heaps->back = &heap->next;
    heaps = heap;
    pthread_mutex_unlock(&heaps_lock);
    return heap;
}

void
disk_heap_free(struct disk_heap *heap)
{
    if (heap == NULL)
        return;
    pthread_mutex_lock(&heaps_lock);
    *heap->back = heap->next;
    if (heap->next != NULL)
        heap->next->back = heap->back;
    pthread_mutex_unlock(&heaps_lock);
    for (size_t i = 0; i < heap->pieces_count; i++)
        (void)munmap(heap->pieces[i].data, heap->pieces[i].size);
    if (heap->fd >= 0)
        (void)close(heap->fd);
    pthread_mutex_destroy(&heap->lock);
    free(heap->pieces);
    free(heap->folder);
    free(heap);
}

/* ---- pieces; the caller holds the lock ---- */

/* A file without a name; where the file system knows no such thing, one whose
 * name goes at once. The name is always the same, so that what a kill between
 * the two leaves, an empty file, goes with the next one. */
static int
file_open(const char *folder)
{
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0)
        return fd;
    struct bytes path;
    bytes_init(&path, FOLDER_MAX);
    bytes_addf(&path, "%s/payload-index.tmp", folder);
    /* Another heap may be between the two, with another file: again. */
    for (unsigned i = 0; i < OPENS_MAX && fd < 0 && !bytes_failed(&path); i++) {
        (void)unlink(path.data);
        fd = open(path.data, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
    }
    if (fd >= 0)
        (void)unlink(path.data);
    bytes_release(&path);
    return fd;
}

/* Whether the disk seems to have as much. Asking for more takes all there is
 * until that fails, and others would find it full meanwhile. */
static bool
disk_has_room(int fd, size_t size)
{
    struct statvfs disk;
    return fstatvfs(fd, &disk) != 0 ||
           (uint64_t)disk.f_bavail * disk.f_frsize >= size;
}

/* More of the file, with its room on the disk. */
static void *
file_extend(struct disk_heap *heap, size_t size)
{
    off_t end = (off_t)heap->file_end;
    if (!disk_has_room(heap->fd, size))
        return MAP_FAILED;
    void *data = MAP_FAILED;
    if (posix_fallocate(heap->fd, end, (off_t)size) == 0)
        data =
            mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, heap->fd, end);
    /* Some file systems keep what they found before they were full. */
    if (data == MAP_FAILED && ftruncate(heap->fd, end) != 0)
        return MAP_FAILED;
    return data;
}

static bool
map_file(struct disk_heap *heap, struct piece *piece)
{
    uint64_t now = clock_ms();
    if (heap->full_ms != 0 && now - heap->full_ms < FULL_MS)
        return false;
    if (heap->fd < 0)
        heap->fd = file_open(heap->folder);
    void *data = heap->fd < 0 ? MAP_FAILED : file_extend(heap, piece->size);
    heap->full_ms = data == MAP_FAILED ? now : 0;
    if (data == MAP_FAILED)
        return false;
    if (heap->use == DISK_HEAP_COLD)
        (void)madvise(data, piece->size, MADV_RANDOM);
    piece->data = data;
    piece->place = heap->file_end;
    heap->file_end += piece->size;
    heap->sizes.disk_size += piece->size;
    return true;
}

static bool
map_memory(struct disk_heap *heap, struct piece *piece)
{
    /* No relief, which may want a lock that the caller has; it would write to
     * the disk that is full. */
    uint64_t used = 0;
    if (!memory_has_room(piece->size, &used))
        return false;
    void *data = mmap(NULL, piece->size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (data == MAP_FAILED)
        return false;
    piece->data = data;
    piece->is_memory = true;
    heap->sizes.memory_size += piece->size;
    return true;
}

/* NULL: there is no room at all. */
static char *
piece_add(struct disk_heap *heap, size_t size)
{
    if (heap->pieces_count == heap->pieces_room) {
        size_t room = heap->pieces_room * 2 + 8;
        struct piece *pieces =
            realloc(heap->pieces, room * sizeof(heap->pieces[0]));
        if (pieces == NULL)
            return NULL;
        heap->pieces = pieces;
        heap->pieces_room = room;
    }
    struct piece piece = { .size = size };
    if (!map_file(heap, &piece) && !map_memory(heap, &piece))
        return NULL;
    heap->pieces[heap->pieces_count++] = piece;
    return piece.data;
}

static void
piece_remove(struct disk_heap *heap, const char *data)
{
    size_t i = 0;
    while (heap->pieces[i].data != data)
        i++;
    struct piece piece = heap->pieces[i];
    heap->pieces[i] = heap->pieces[--heap->pieces_count];
    (void)munmap(piece.data, piece.size);
    if (piece.is_memory) {
        heap->sizes.memory_size -= piece.size;
        return;
    }
    if (fallocate(heap->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                  (off_t)piece.place, (off_t)piece.size) == 0)
        heap->sizes.disk_size -= piece.size;
}

/* ---- taking and giving ---- */

/* The class of a small size, which becomes what the class has. */
static unsigned
class_of(size_t *size)
{
    assert(*size > 0 && *size <= SMALL_SIZE_MAX);
    size_t steps = (*size + STEP - 1) / STEP;
    if (steps <= STEPS_MAX) {
        *size = steps * STEP;
        return (unsigned)steps - 1;
    }
    /* Doublings beyond 128 bytes, and the quarter of this one. */
    unsigned doubling = 63 - (unsigned)__builtin_clzll(*size - 1) - 7;
    size_t quarter = (size_t)32 << doubling;
    size_t part = (*size - ((size_t)128 << doubling) + quarter - 1) / quarter;
    *size = ((size_t)128 << doubling) + part * quarter;
    assert(part >= 1 && part <= 4);
    return STEPS_MAX + 4 * doubling + (unsigned)part - 1;
}

static size_t
large_size(size_t size)
{
    return (size + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
}

static void *
take_small(struct disk_heap *heap, size_t size)
{
    unsigned class = class_of(&size);
    assert(class < CLASSES);
    void *data = heap->given[class];
    if (data != NULL) {
        memcpy(&heap->given[class], data, sizeof(data));
        return data;
    }
    if ((size_t)(heap->end - heap->at) < size) {
        char *piece = piece_add(heap, heap->piece_size);
        if (piece == NULL)
            return NULL;
        heap->at = piece;
        heap->end = piece + heap->piece_size;
        if (heap->piece_size < PIECE_SIZE_MAX)
            heap->piece_size *= 2;
    }
    data = heap->at;
    heap->at += size;
    return data;
}

void *
disk_heap_take(struct disk_heap *heap, size_t size)
{
    assert(size > 0);
    if (heap == NULL)
        return malloc(size);
    pthread_mutex_lock(&heap->lock);
    void *data = size > SMALL_SIZE_MAX ? piece_add(heap, large_size(size))
                                       : take_small(heap, size);
    pthread_mutex_unlock(&heap->lock);
    return data;
}

void *
disk_heap_take_zeroes(struct disk_heap *heap, size_t size)
{
    if (heap == NULL)
        return calloc(1, size);
    void *data = disk_heap_take(heap, size);
    /* New pieces have zeroes. */
    if (data != NULL && size <= SMALL_SIZE_MAX)
        memset(data, 0, size);
    return data;
}

void
disk_heap_give(struct disk_heap *heap, void *data, size_t size)
{
    if (heap == NULL || data == NULL) {
        free(data);
        return;
    }
    pthread_mutex_lock(&heap->lock);
    if (size > SMALL_SIZE_MAX) {
        piece_remove(heap, data);
    } else {
        unsigned class = class_of(&size);
        memcpy(data, &heap->given[class], sizeof(void *));
        heap->given[class] = data;
    }
    pthread_mutex_unlock(&heap->lock);
}

void *
disk_heap_resize(struct disk_heap *heap, void *data, size_t size,
                 size_t new_size)
{
    if (heap == NULL)
        return realloc(data, new_size);
    void *moved = disk_heap_take(heap, new_size);
    if (moved == NULL)
        return NULL;
    if (data != NULL)
        memcpy(moved, data, size < new_size ? size : new_size);
    disk_heap_give(heap, data, size);
    return moved;
}

/* ---- pages ---- */

/* The pages stay in the file; a reader that touches one meanwhile gets it
 * again. The caller holds the lock. */
static void
let_go(struct disk_heap *heap)
{
    for (size_t i = 0; i < heap->pieces_count; i++)
        if (!heap->pieces[i].is_memory)
            (void)madvise(heap->pieces[i].data, heap->pieces[i].size,
                          MADV_DONTNEED);
}

void
disk_heap_rest(struct disk_heap *heap)
{
    if (heap == NULL || heap->use != DISK_HEAP_COLD)
        return;
    pthread_mutex_lock(&heap->lock);
    let_go(heap);
    /* Begins to write them, so that the system can take them. */
    if (heap->fd >= 0)
        (void)sync_file_range(heap->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
    pthread_mutex_unlock(&heap->lock);
}

void
disk_heap_rest_one(struct disk_heap *heap, const void *data)
{
    if (heap == NULL || heap->use != DISK_HEAP_COLD)
        return;
    pthread_mutex_lock(&heap->lock);
    size_t i = heap->pieces_count;
    while (i > 0 && heap->pieces[i - 1].data != data)
        i--;
    if (i > 0 && !heap->pieces[i - 1].is_memory) {
        const struct piece *piece = &heap->pieces[i - 1];
        (void)madvise(piece->data, piece->size, MADV_DONTNEED);
        (void)sync_file_range(heap->fd, (off_t)piece->place, (off_t)piece->size,
                              SYNC_FILE_RANGE_WRITE);
    }
    pthread_mutex_unlock(&heap->lock);
}

struct disk_heap_sizes
disk_heap_sizes(struct disk_heap *heap)
{
    if (heap == NULL)
        return (struct disk_heap_sizes){ 0 };
    pthread_mutex_lock(&heap->lock);
    struct disk_heap_sizes sizes = heap->sizes;
    pthread_mutex_unlock(&heap->lock);
    return sizes;
}

void
disk_heap_relieve(void)
{
    /* Who asks for memory may hold one of the locks. */
    if (pthread_mutex_trylock(&heaps_lock) != 0)
        return;
    for (struct disk_heap *heap = heaps; heap != NULL; heap = heap->next) {
        if (pthread_mutex_trylock(&heap->lock) != 0)
            continue;
        let_go(heap);
        pthread_mutex_unlock(&heap->lock);
    }
    pthread_mutex_unlock(&heaps_lock);
}
