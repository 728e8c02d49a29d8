/* SPDX-License-Identifier: Apache-2.0
 * The owner of the calling thread. */
#include "base/blocking.h"

#include <stddef.h>

static _Thread_local const struct blocking_owner *owner;

void
blocking_set_owner(const struct blocking_owner *of_thread)
{
    owner = of_thread;
}

void
blocking_begin(void)
{
    if (owner != NULL)
        owner->begin(owner->ctx);
}

void
blocking_end(void)
{
    if (owner != NULL)
        owner->end(owner->ctx);
}
