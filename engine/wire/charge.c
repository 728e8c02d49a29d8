/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/wire/charge.h"

#include <assert.h>

bool
charge_body(struct charge *charge, struct wire *wire, size_t size)
{
    charge->body_size += size;
    uint64_t all = atomic_fetch_add(&wire->bodies_size, size) + size;
    return all <= wire->options.bodies_size_max ||
           charge->body_size <= WIRE_SMALL_BODY_SIZE;
}

void
charge_drop_body(struct charge *charge, struct wire *wire)
{
    atomic_fetch_sub(&wire->bodies_size, charge->body_size);
    charge->body_size = 0;
}

bool
charge_reply(struct charge *charge, struct wire *wire, size_t size)
{
    assert(charge->reply_size == 0);
    uint64_t all = atomic_fetch_add(&wire->replies_size, size) + size;
    if (all > wire->options.replies_size_max && size > WIRE_SMALL_REPLY_SIZE) {
        atomic_fetch_sub(&wire->replies_size, size);
        return false;
    }
    charge->reply_size = size;
    return true;
}

void
charge_drop_reply(struct charge *charge, struct wire *wire)
{
    atomic_fetch_sub(&wire->replies_size, charge->reply_size);
    charge->reply_size = 0;
}
