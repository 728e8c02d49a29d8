/* SPDX-License-Identifier: Apache-2.0
 * Values of JSON as bytes: whatever is found lies inside of the text. */
#include "tools/raw.h"

#include <stdint.h>
#include <stdlib.h>

static void
inside(struct span whole, struct span part)
{
    if (part.data < whole.data ||
        part.data + part.size > whole.data + whole.size)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = { (const char *)data, size }, value, rest, item;
    bool is_broken = false;
    if (!raw_value(text, &value, &rest))
        return 0;
    inside(text, value);
    inside(text, rest);
    if (raw_member(value, "id", &item))
        inside(value, item);
    struct span cursor = value;
    while (raw_next(&cursor, &item, &is_broken))
        inside(value, item);
    return 0;
}
