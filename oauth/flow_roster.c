/* SPDX-License-Identifier: Apache-2.0
 * The list of a user's sessions inside a flow: how it is read, how it makes
 * room for one more, and how several end one after the other, record first, so
 * that a store that fails in between leaves none that lives unlisted. */
#include "oauth/flow_move.h"

#include <assert.h>
#include <string.h>

struct roster_name
flow_name(const struct flow *flow, struct span id)
{
    return (struct roster_name){
        .issuer = flow->config.issuer,
        .client_id = flow->config.client_id,
        .id = id,
    };
}

bool
flow_find_roster(struct flow *flow)
{
    assert(flow->session.sub.size > 0);
    const struct roster_name name = flow_name(flow, flow->session.sub);
    enum oauth_code code = roster_key(ROSTER_USER, &name, flow->roster.key);
    if (code != OAUTH_OK)
        error_set(&flow->cause, code, "the key of the user's sessions failed");
    return code == OAUTH_OK;
}

/* A login needs the times alone, and many may be at it. Without memory there
 * is no telling which sessions a logout is about: the flow fails. */
static void
open_entry(struct flow *flow, struct span value, struct roster_entry *entry)
{
    if (flow->state == FLOW_AT_ROSTER)
        return;
    if (roster_open(flow->config.ring, span_of(flow->roster.key), value,
                    &flow->arena, entry) == OAUTH_ENOMEM)
        flow->arena.is_failed = true;
}

void
flow_read_roster(struct flow *flow, const struct flow_event *event)
{
    struct flow_roster *roster = &flow->roster;
    size_t count = event->index.count;
    assert(count <= FLOW_INDEX_COUNT_MAX);
    roster->count = 0;
    roster->end_count = 0;
    roster->is_cut = count == FLOW_INDEX_COUNT_MAX;
    roster->entries =
        arena_calloc(&flow->arena, count + 1, sizeof(*roster->entries));
    if (roster->entries == NULL)
        return;
    for (size_t i = 0; i < count; i++) {
        const struct flow_entry *given = &event->index.entries[i];
        struct roster_entry *entry = &roster->entries[roster->count];
        if (!roster_is_field(given->field))
            continue;
        entry->field = flow_copy(flow, given->field);
        (void)roster_times(given->value, entry);
        open_entry(flow, given->value, entry);
        roster->count++;
    }
    if (arena_failed(&flow->arena))
        roster->count = 0; /* some have no field: the flow is over */
}

/* ---- ends --------------------------------------------------------------- */

void
flow_end_add(struct flow *flow, struct span field)
{
    struct flow_roster *roster = &flow->roster;
    if (roster->fields == NULL)
        roster->fields = arena_calloc(&flow->arena, FLOW_INDEX_COUNT_MAX + 1,
                                      sizeof(*roster->fields));
    if (roster->fields == NULL)
        return;
    for (size_t i = 0; i < roster->end_count; i++) {
        if (span_equal(roster->fields[i], field))
            return;
    }
    assert(roster->end_count <= FLOW_INDEX_COUNT_MAX);
    roster->fields[roster->end_count++] = field;
}

/* Logins at the same moment do not see each other, so that a list may be
 * longer than it should be, and than what is read of it. What cannot be read
 * must not outlive the end of all. */
bool
flow_has_more(const struct flow *flow)
{
    return flow->roster.is_cut && flow->roster.count > 0;
}

static void
end_next(struct flow *flow)
{
    struct flow_roster *roster = &flow->roster;
    struct bytes key;
    if (roster->end_at == roster->end_count) {
        roster->then(flow);
        return;
    }
    bytes_init(&key, SESSION_STORE_KEY_SIZE_MAX);
    roster_store_key(roster->fields[roster->end_at], &key);
    flow_ask_delete_key(flow, flow_keep(flow, &key), FLOW_AT_END);
}

void
flow_end_all(struct flow *flow, flow_then *then)
{
    flow->roster.end_at = 0;
    flow->roster.then = then;
    end_next(flow);
}

void
flow_on_end(struct flow *flow, const struct flow_event *event)
{
    struct flow_roster *roster = &flow->roster;
    if (event->kind == FLOW_EVENT_SESSION_FAILED) {
        flow_fail_with(flow, OAUTH_ESTORE,
                       "not every session could be ended: the session store "
                       "cannot be reached",
                       event);
        flow_reply_cause(flow, FLOW_STORE_DOWN);
        return;
    }
    flow_forget_entry(flow, span_of(roster->key),
                      roster->fields[roster->end_at++]);
    end_next(flow);
}

/* ---- a new session ------------------------------------------------------ */

/* Chooses the oldest sessions to end until there is room for one more. */
static void
make_room(struct flow *flow)
{
    struct flow_roster *roster = &flow->roster;
    size_t live_count = roster->count;
    while (live_count >= ROSTER_SESSION_COUNT_MAX) {
        struct roster_entry *oldest = NULL;
        for (size_t i = 0; i < roster->count; i++) {
            struct roster_entry *entry = &roster->entries[i];
            if (entry->field.size > 0 &&
                (oldest == NULL || entry->created_s < oldest->created_s))
                oldest = entry;
        }
        assert(oldest != NULL);
        flow_end_add(flow, oldest->field);
        oldest->field.size = 0;
        live_count--;
    }
}

/* Drops what is over in any case; one of them leaves the store with the next
 * write, so that a list never grows by what is dead. */
static void
drop_expired(struct flow *flow)
{
    struct flow_roster *roster = &flow->roster;
    size_t count = 0;
    bool is_one_forgotten = false;
    for (size_t i = 0; i < roster->count; i++) {
        if (roster->entries[i].expires_s > flow->now_s) {
            roster->entries[count++] = roster->entries[i];
        } else if (!is_one_forgotten) {
            flow_forget_entry(flow, span_of(roster->key),
                              roster->entries[i].field);
            is_one_forgotten = true;
        }
    }
    roster->count = count;
}

void
flow_on_roster(struct flow *flow, const struct flow_event *event)
{
    if (event->kind == FLOW_EVENT_SESSION_FAILED) {
        flow->session = (struct session){ 0 };
        flow_reply_store_down(flow, event);
        return;
    }
    flow_read_roster(flow, event);
    drop_expired(flow);
    make_room(flow);
    flow_end_all(flow, flow_keep_session);
}
