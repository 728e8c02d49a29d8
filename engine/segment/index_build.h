/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_SEGMENT_INDEX_BUILD_H
#define ENGINE_SEGMENT_INDEX_BUILD_H

#include "engine/filter/payload_index.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* A payload index that is being made beside writes; for index_build.c and
 * change_apply.c. */
struct index_build {
    pthread_mutex_t lock; /* guards everything below */
    struct payload_index *index;
    uint32_t next_slot; /* slots below are in the index */
    bool is_broken;     /* a change found no memory for it */
};

#endif /* ENGINE_SEGMENT_INDEX_BUILD_H */
