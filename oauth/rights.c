/* SPDX-License-Identifier: Apache-2.0
 * Rules of rights. Who has several gets all of them: rules only add. An item
 * that another one covers is left out, so that the usual lists stay short. */
#include "oauth/rights.h"

#include <assert.h>
#include <string.h>

/* {"collection":"","access":"prw"}, and a comma */
#define ITEM_SIZE 34

static bool
is_text(struct span text, size_t size_max, const char *refused)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < 0x20 || text.data[i] >= 0x7f ||
            strchr(refused, text.data[i]) != NULL)
            return false;
    }
    return text.size > 0 && text.size <= size_max;
}

static bool
is_pattern(struct span text)
{
    if (text.size > 0 && text.data[text.size - 1] == '*') {
        text.size--;
        if (text.size == 0)
            return true;
    }
    return is_text(text, RIGHTS_PATTERN_SIZE_MAX, "\"\\*");
}

enum oauth_code
rights_check(const struct rights_rule *rules, size_t count,
             struct error *reterr)
{
    size_t size = 2;
    if (count > RIGHTS_RULE_COUNT_MAX)
        return error_set(reterr, OAUTH_ECONFIG, "more than %d rights",
                         RIGHTS_RULE_COUNT_MAX);
    for (size_t i = 0; i < count; i++) {
        bool is_known = false;
        if (rules[i].holder != RIGHTS_OF_ANY &&
            !is_text(rules[i].name, RIGHTS_NAME_SIZE_MAX, ""))
            return error_set(reterr, OAUTH_ECONFIG,
                             "a role or group must have 1 to %d printable "
                             "characters",
                             RIGHTS_NAME_SIZE_MAX);
        if (!is_pattern(rules[i].pattern))
            return error_set(reterr, OAUTH_ECONFIG,
                             "a collection pattern must have 1 to %d printable "
                             "characters, none of them \" or \\, and * only at "
                             "its end",
                             RIGHTS_PATTERN_SIZE_MAX);
        for (size_t j = 0; j < i; j++)
            is_known |= span_equal(rules[i].pattern, rules[j].pattern);
        if (!is_known)
            size += rules[i].pattern.size + ITEM_SIZE;
    }
    if (size > RIGHTS_LIST_SIZE_MAX)
        return error_set(reterr, OAUTH_ECONFIG,
                         "the collection patterns together take %zu bytes of a "
                         "header, more than %d: use fewer or shorter ones",
                         size, RIGHTS_LIST_SIZE_MAX);
    return OAUTH_OK;
}

/* Whether `lines` has the line `text`. */
static bool
has_line(struct span lines, struct span text)
{
    while (lines.size > 0) {
        const char *end = memchr(lines.data, '\n', lines.size);
        size_t size = end == NULL ? lines.size : (size_t)(end - lines.data);
        if (span_equal((struct span){ lines.data, size }, text))
            return true;
        size += end == NULL ? 0 : 1;
        lines.data += size;
        lines.size -= size;
    }
    return false;
}

static bool
holds(const struct rights_rule *rule, const struct session *session)
{
    switch (rule->holder) {
    case RIGHTS_OF_ANY:
        return true;
    case RIGHTS_OF_ROLE:
        return has_line(session->roles, rule->name);
    case RIGHTS_OF_GROUP:
        return has_line(session->groups, rule->name);
    }
    return false;
}

/* Whether every name that fits `narrow` fits `wide`, too. */
static bool
covers(struct span wide, struct span narrow)
{
    assert(wide.size > 0 && narrow.size > 0);
    if (wide.data[wide.size - 1] != '*')
        return span_equal(wide, narrow);
    wide.size--;
    if (narrow.data[narrow.size - 1] == '*')
        narrow.size--;
    return narrow.size >= wide.size &&
           (wide.size == 0 || memcmp(narrow.data, wide.data, wide.size) == 0);
}

/* Whether rule `a` gives all that `b` gives; of two alike the first counts. */
static bool
outdoes(const struct rights_rule *rules, size_t a, size_t b)
{
    const struct rights_rule *strong = &rules[a], *weak = &rules[b];
    if (a == b || strong->level < weak->level ||
        !covers(strong->pattern, weak->pattern))
        return false;
    return strong->level > weak->level || a < b ||
           !span_equal(strong->pattern, weak->pattern);
}

void
rights_write(const struct rights_rule *rules, size_t count,
             const struct session *session, struct bytes *out)
{
    static const char *const words[] = {
        [RIGHTS_READ] = "r",
        [RIGHTS_WRITE] = "prw",
        [RIGHTS_MANAGE] = "m",
    };
    bool is_held[RIGHTS_RULE_COUNT_MAX];
    size_t kept[RIGHTS_RULE_COUNT_MAX], kept_count = 0;
    assert(count <= RIGHTS_RULE_COUNT_MAX);
    for (size_t i = 0; i < count; i++)
        is_held[i] = holds(&rules[i], session);
    for (size_t i = 0; i < count; i++) {
        bool is_needed = is_held[i];
        for (size_t j = 0; j < count && is_needed; j++)
            is_needed = !is_held[j] || !outdoes(rules, j, i);
        if (is_needed)
            kept[kept_count++] = i;
    }
    if (count == 0) {
        bytes_add_text(out, "\"m\"");
        return;
    }
    if (kept_count == 1 && span_equal_text(rules[kept[0]].pattern, "*") &&
        rules[kept[0]].level != RIGHTS_WRITE) {
        bytes_addf(out, "\"%s\"", words[rules[kept[0]].level]);
        return;
    }
    bytes_add_char(out, '[');
    for (size_t i = 0; i < kept_count; i++) {
        bytes_add_text(out,
                       i > 0 ? ",{\"collection\":\"" : "{\"collection\":\"");
        bytes_add_span(out, rules[kept[i]].pattern);
        bytes_addf(out, "\",\"access\":\"%s\"}", words[rules[kept[i]].level]);
    }
    bytes_add_char(out, ']');
}
