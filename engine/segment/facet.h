/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_SEGMENT_FACET_H
#define ENGINE_SEGMENT_FACET_H

#include "engine/segment/segment.h"

/* What is asked of many points at once; answers live in `arena`. */

/* The living slots that match, a bit each.
 *   ret_words  [*ret_words_count], enough for every slot of the reader's view
 * ENGINE_ETIMEOUT, ENGINE_ENOMEM */
enum engine_code segment_matching(struct segment_reader *reader,
                                  const struct filter *filter,
                                  uint64_t deadline_ms, struct arena *arena,
                                  uint64_t **ret_words, size_t *ret_words_count,
                                  struct error *reterr)
    __attribute__((warn_unused_result));

struct segment_facet {
    const struct payload_path *path;
    const struct filter *filter; /* NULL: all */
    size_t limit;                /* > 0 */
    uint64_t deadline_ms;
};

struct facet_hit {
    struct match_value value; /* UUIDs hyphenated, in lower case */
    uint64_t count;           /* points that hold it, exact */
};

/* The values that most points hold, those of equal counts ascending.
 * ENGINE_EINPUT  no index counts values there. ENGINE_ETIMEOUT, ENGINE_ENOMEM
 */
enum engine_code
segment_facets(struct segment_reader *reader, const struct segment_facet *facet,
               struct arena *arena, const struct facet_hit **ret_hits,
               size_t *ret_count, struct error *reterr)
    __attribute__((warn_unused_result));

struct segment_sample {
    size_t number; /* a vector that they have */
    const struct filter *filter;
    size_t count;
    uint64_t deadline_ms;
};

/* So many points that match, any of them with the same chance, by id. Fewer
 * when fewer match. ENGINE_ETIMEOUT, ENGINE_ENOMEM */
enum engine_code segment_sample(struct segment_reader *reader,
                                const struct segment_sample *sample,
                                struct arena *arena,
                                const struct point_id **ret_ids,
                                size_t *ret_count, struct error *reterr)
    __attribute__((warn_unused_result));

#endif /* ENGINE_SEGMENT_FACET_H */
