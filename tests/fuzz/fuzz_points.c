/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as the body of an upsert or of an update of vectors: the scan gives
 * up, or makes the command that the document's reader makes. */
#include "tests/fixture/points_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span body = { (const char *)data, size };
    (void)points_check(body, UPDATE_UPSERT);
    (void)points_check(body, UPDATE_VECTORS);
    return 0;
}
