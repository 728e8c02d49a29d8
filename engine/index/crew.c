/* SPDX-License-Identifier: Apache-2.0
 * A ticket stands between the owner of a piece of work and the threads that
 * were lent for it. It lives until the last of them has seen it, so that the
 * owner waits for those only that have begun: a helper that is stuck behind
 * other tasks holds nobody up, and waiting cannot go round in a circle. */
#include "engine/index/crew.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

struct ticket {
    pthread_mutex_t lock; /* guards the rest */
    pthread_cond_t is_idle;
    unsigned users;  /* who may still look at the ticket */
    unsigned active; /* helpers at work */
    bool is_over;
    void (*work)(void *arg);
    void *arg;
};

static pthread_mutex_t lender_lock = PTHREAD_MUTEX_INITIALIZER;
static crew_lend_fn lender;
static void *lender_ctx;

void
crew_set(crew_lend_fn lend, void *ctx)
{
    pthread_mutex_lock(&lender_lock);
    lender = lend;
    lender_ctx = ctx;
    pthread_mutex_unlock(&lender_lock);
}

/* Caller holds the lock; gives it up. */
static void
ticket_leave(struct ticket *ticket)
{
    assert(ticket->users > 0);
    bool is_last = --ticket->users == 0;
    pthread_mutex_unlock(&ticket->lock);
    if (!is_last)
        return;
    pthread_cond_destroy(&ticket->is_idle);
    pthread_mutex_destroy(&ticket->lock);
    free(ticket);
}

static void
help(void *arg)
{
    struct ticket *ticket = arg;
    pthread_mutex_lock(&ticket->lock);
    if (!ticket->is_over) {
        ticket->active++;
        pthread_mutex_unlock(&ticket->lock);
        ticket->work(ticket->arg);
        pthread_mutex_lock(&ticket->lock);
        if (--ticket->active == 0)
            pthread_cond_signal(&ticket->is_idle);
    }
    ticket_leave(ticket);
}

static struct ticket *
ticket_new(void (*work)(void *arg), void *arg)
{
    struct ticket *ticket = calloc(1, sizeof(*ticket));
    if (ticket == NULL)
        return NULL;
    pthread_mutex_init(&ticket->lock, NULL);
    pthread_cond_init(&ticket->is_idle, NULL);
    ticket->users = 1;
    ticket->work = work;
    ticket->arg = arg;
    return ticket;
}

static void
ticket_offer(struct ticket *ticket, unsigned helpers)
{
    pthread_mutex_lock(&lender_lock);
    crew_lend_fn lend = lender;
    void *ctx = lender_ctx;
    pthread_mutex_unlock(&lender_lock);
    bool is_taken = lend != NULL;
    for (unsigned i = 0; i < helpers && is_taken; i++) {
        pthread_mutex_lock(&ticket->lock);
        ticket->users++;
        pthread_mutex_unlock(&ticket->lock);
        is_taken = lend(ctx, help, ticket);
        if (!is_taken) {
            pthread_mutex_lock(&ticket->lock);
            ticket_leave(ticket);
        }
    }
}

void
crew_run(void (*work)(void *arg), void *arg, unsigned helpers)
{
    assert(helpers <= CREW_HELPERS_MAX);
    struct ticket *ticket = helpers > 0 ? ticket_new(work, arg) : NULL;
    if (ticket == NULL) { /* alone, also when memory is out */
        work(arg);
        return;
    }
    ticket_offer(ticket, helpers);
    work(arg);
    pthread_mutex_lock(&ticket->lock);
    ticket->is_over = true;
    while (ticket->active > 0)
        pthread_cond_wait(&ticket->is_idle, &ticket->lock);
    ticket_leave(ticket);
}
