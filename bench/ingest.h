/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_INGEST_H
#define BENCH_INGEST_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/npy.h"
#include "bench/shelf.h"

/* What ingest.c and its HTTP side share. */

/* About 300 bytes, as the payload of a small document. */
extern const char ingest_payload[];

struct ingest_post; /* prebuilt requests of one run */

/* Makes the requests of rows first..first+count-1, `batch` points each; NULL
 * when memory is out. */
struct ingest_post *ingest_post_create(const struct npy_matrix *base,
                                       size_t count, size_t batch,
                                       const char *collection,
                                       const char *payload);
void ingest_post_free(struct ingest_post *post);

/* A connection to 127.0.0.1, or -1 (said why). */
int ingest_post_connect(uint16_t port);

/* Sends request `at` and reads its answer; false (said why) unless it is a
 * 200. */
bool ingest_post_send(const struct ingest_post *post, size_t at, int socket);

#endif /* BENCH_INGEST_H */
