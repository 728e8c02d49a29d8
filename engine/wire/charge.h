/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_WIRE_CHARGE_H
#define ENGINE_WIRE_CHARGE_H

#include "engine/wire/loop.h"

/* What one request takes of the memory that all requests' bodies, and all
 * replies until their peers have read them, may have together
 * (wire_options.bodies_size_max, replies_size_max). Begins with zeros. Any
 * thread; one at a time. */
struct charge {
    uint64_t body_size, reply_size;
};

/* Charges bytes of the body that are about to be kept. False: all bodies
 * together are past their limit, and this one is no small one; they stay
 * charged until it is dropped. */
bool charge_body(struct charge *charge, struct wire *wire, size_t size)
    __attribute__((warn_unused_result));
void charge_drop_body(struct charge *charge, struct wire *wire);

/* The same for the reply, once it is complete. False: nothing is charged. */
bool charge_reply(struct charge *charge, struct wire *wire, size_t size)
    __attribute__((warn_unused_result));
void charge_drop_reply(struct charge *charge, struct wire *wire);

#endif /* ENGINE_WIRE_CHARGE_H */
