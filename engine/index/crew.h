/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_INDEX_CREW_H
#define ENGINE_INDEX_CREW_H

#include <stdbool.h>

/* Other threads for big pieces of work, as long as they have nothing else to
 * do. This room has no threads: who has some lends them. */

/* The most helpers of one piece of work. */
#define CREW_HELPERS_MAX 63u

/* Runs run(arg) soon in a thread that is idle now, and returns true; false:
 * there is none, nothing will run. Any thread. */
typedef bool (*crew_lend_fn)(void *ctx, void (*run)(void *arg), void *arg);

/* Who lends from now on; NULL: nobody. Work that began before may still ask
 * the former one: take it back before its threads end, and let it refuse. */
void crew_set(crew_lend_fn lend, void *ctx);

/* Calls work(arg) in this thread and, at the same time, in up to `helpers`
 * <= CREW_HELPERS_MAX others: each call takes parts of the work until none is
 * left. Returns when no call is running; helpers that come late find the work
 * over and never see `arg`. Any thread. */
void crew_run(void (*work)(void *arg), void *arg, unsigned helpers);

#endif /* ENGINE_INDEX_CREW_H */
