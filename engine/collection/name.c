/* SPDX-License-Identifier: Apache-2.0
 * What may be the name of a collection. */
#include "engine/collection/name.h"

#include "engine/codec/utf8.h"
#include "engine/collection/command.h"

#include <string.h>

/* `what` is "collection" or "vector". */
static enum engine_code
check_text(struct span name, const char *field, const char *what,
           enum engine_code code, struct error *reterr)
{
    for (size_t i = 0; i < name.size; i++) {
        char c = name.data[i];
        if (c == '\0' || strchr("<>:\"/\\|?*\x1f", c) != NULL)
            return error_set(reterr, code,
                             "[%s: %s name cannot contain \"%c\" char]", field,
                             what, c < ' ' ? ' ' : c);
    }
    if (!utf8_is_valid(name))
        return error_set(reterr, code, "[%s: %s name must be UTF-8]", field,
                         what);
    return ENGINE_OK;
}

enum engine_code
name_check(struct span name, const char *field, enum engine_code code,
           struct error *reterr)
{
    if (name.size == 0 || name.size > COMMAND_NAME_SIZE_MAX)
        return error_set(reterr, code,
                         "[%s: value has %zu bytes, must be from 1 to %d]",
                         field, name.size, COMMAND_NAME_SIZE_MAX);
    return check_text(name, field, "collection", code, reterr);
}

enum engine_code
name_check_vector(struct span name, enum engine_code code, struct error *reterr)
{
    /* Over gRPC a field that is absent would be the unnamed vector. */
    if (name.size == 0)
        return error_set(reterr, code,
                         "[vector_name: value has 0 bytes, must be from 1 to "
                         "%d]",
                         NAME_VECTOR_SIZE_MAX);
    if (name.size > NAME_VECTOR_SIZE_MAX)
        return error_set(reterr, code,
                         "[vector_name: vector name must be at most %d bytes "
                         "long]",
                         NAME_VECTOR_SIZE_MAX);
    return check_text(name, "vector_name", "vector", code, reterr);
}
