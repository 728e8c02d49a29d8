/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_SNAPSHOT_DIGEST_H
#define ENGINE_SNAPSHOT_DIGEST_H

#include "base/bytes.h"
#include "engine/error.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* SHA-256 of files, as the API shows it. */

#define DIGEST_TEXT_SIZE 65 /* hexadecimal digits and NUL */

struct digest;

/* NULL: no memory. Undone by digest_free(). */
struct digest *digest_new(void) __attribute__((warn_unused_result));
void digest_add(struct digest *digest, const void *data, size_t size);
void digest_text(struct digest *digest, char *ret_text);
void digest_free(struct digest *digest);

/* Of `size` bytes of a file from `begin` on. `stop` as in container.h. */
enum engine_code digest_file(int fd, uint64_t begin, uint64_t size,
                             const atomic_bool *stop, char *ret_text,
                             struct error *reterr)
    __attribute__((warn_unused_result));

/* Whether the text is such digits, in either case. */
bool digest_is_text(struct span text);

/* Whether both are the same digits, without regard to case. */
bool digest_equal(struct span text, const char *digest);

#endif /* ENGINE_SNAPSHOT_DIGEST_H */
