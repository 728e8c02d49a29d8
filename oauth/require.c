/* SPDX-License-Identifier: Apache-2.0
 * Claim rules: read once, evaluated once per session or token, compared as
 * bits with every request. A rule that cannot be understood is refused; a
 * claim that is not there never holds. */
#include "oauth/require.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct kind {
    const char *prefix;
    enum require_kind kind;
    bool has_scope;
} kinds[] = {
    { "role=", REQUIRE_ROLE, false },
    { "client_role=", REQUIRE_CLIENT_ROLE, true },
    { "group=", REQUIRE_GROUP, false },
    { "email_domain=", REQUIRE_EMAIL_DOMAIN, false },
    { "claim=", REQUIRE_CLAIM, true },
};

static const char *const methods[] = { "GET",   "HEAD",    "POST",
                                       "PUT",   "PATCH",   "DELETE",
                                       "TRACE", "OPTIONS", "CONNECT" };
#define METHOD_GET   (1U << 0)
#define METHOD_HEAD  (1U << 1)
#define METHOD_OTHER (1U << COUNT(methods))

uint32_t
require_method(struct span name)
{
    for (size_t i = 0; i < COUNT(methods); i++) {
        if (span_equal_text(name, methods[i]))
            return 1U << i;
    }
    return METHOD_OTHER;
}

static struct span
behind(struct span text, size_t size)
{
    assert(size <= text.size);
    return (struct span){ text.data + size, text.size - size };
}

/* "GET,PUT" -> bits. */
static enum oauth_code
read_methods(struct span list, uint32_t *ret_methods, struct error *reterr)
{
    uint32_t bits = 0;
    while (true) {
        const char *comma =
            list.size > 0 ? memchr(list.data, ',', list.size) : NULL;
        size_t size = comma != NULL ? (size_t)(comma - list.data) : list.size;
        uint32_t bit = require_method((struct span){ list.data, size });
        if (bit == METHOD_OTHER)
            return error_set(reterr, OAUTH_ECONFIG,
                             "\"%.*s\" is no method that a rule can name",
                             (int)(size > 40 ? 40 : size),
                             size > 0 ? list.data : "");
        bits |= bit == METHOD_GET ? METHOD_GET | METHOD_HEAD : bit;
        if (comma == NULL)
            break;
        list = behind(list, size + 1);
    }
    *ret_methods = bits;
    return OAUTH_OK;
}

/* Cuts "ID:NAME" at the first colon that is not the one of "https://". */
static bool
split(struct span text, struct span *ret_scope, struct span *ret_value)
{
    for (size_t i = 0; i < text.size; i++) {
        struct span rest = behind(text, i);
        if (text.data[i] != ':' || span_starts(rest, "://"))
            continue;
        *ret_scope = (struct span){ text.data, i };
        *ret_value = behind(rest, 1);
        return ret_scope->size > 0 && ret_value->size > 0;
    }
    return false;
}

static enum oauth_code
read_atom(struct span word, struct require_atom *ret_atom, struct error *reterr)
{
    struct require_atom atom = { .word = word };
    const struct kind *kind = NULL;
    for (size_t i = 0; i < COUNT(kinds) && kind == NULL; i++) {
        if (span_starts(word, kinds[i].prefix))
            kind = &kinds[i];
    }
    if (kind == NULL)
        return error_set(reterr, OAUTH_ECONFIG,
                         "\"%.*s\" is no role=, client_role=, group=, "
                         "email_domain=, claim=, methods= or except=",
                         (int)(word.size > 80 ? 80 : word.size), word.data);
    atom.kind = kind->kind;
    atom.value = behind(word, strlen(kind->prefix));
    bool is_good = atom.value.size > 0 && word.size <= REQUIRE_WORD_SIZE_MAX &&
                   !span_has_control(word);
    if (is_good && kind->has_scope)
        is_good = split(atom.value, &atom.scope, &atom.value);
    if (is_good && atom.kind == REQUIRE_EMAIL_DOMAIN)
        is_good = memchr(atom.value.data, '@', atom.value.size) == NULL;
    if (!is_good)
        return error_set(
            reterr, OAUTH_ECONFIG, "\"%.*s\" has no proper value for %s",
            (int)(word.size > 80 ? 80 : word.size), word.data, kind->prefix);
    *ret_atom = atom;
    return OAUTH_OK;
}

static enum oauth_code
add_atom(struct require_table *table, const struct require_atom *atom,
         struct require_bits *any, struct error *reterr)
{
    size_t i = 0;
    while (i < table->count && !span_equal(table->atoms[i].word, atom->word))
        i++;
    if (i == REQUIRE_ATOM_COUNT_MAX)
        return error_set(reterr, OAUTH_ECONFIG,
                         "there are more than %d different conditions",
                         REQUIRE_ATOM_COUNT_MAX);
    if (i == table->count)
        table->atoms[table->count++] = *atom;
    any->words[i / 64] |= UINT64_C(1) << i % 64;
    return OAUTH_OK;
}

enum oauth_code
require_add(struct require_table *table, const struct span *words, size_t count,
            struct require_rule *ret_rule, struct error *reterr)
{
    struct require_rule rule = { .methods = 0 };
    size_t atom_count = 0;
    for (size_t i = 0; i < count; i++) {
        bool is_except = span_starts(words[i], "except=");
        struct require_atom atom;
        enum oauth_code code = OAUTH_OK;
        if (is_except || span_starts(words[i], "methods=")) {
            if (rule.methods != 0)
                return error_set(reterr, OAUTH_ECONFIG,
                                 "one methods= or except= is enough");
            code = read_methods(
                behind(words[i], strlen(is_except ? "except=" : "methods=")),
                &rule.methods, reterr);
            if (code == OAUTH_OK && is_except)
                rule.methods = ~rule.methods;
        } else {
            code = read_atom(words[i], &atom, reterr);
            if (code == OAUTH_OK)
                code = add_atom(table, &atom, &rule.any, reterr);
            atom_count++;
        }
        if (code != OAUTH_OK)
            return code;
    }
    if (atom_count == 0)
        return error_set(reterr, OAUTH_ECONFIG, "there is no condition");
    if (rule.methods == 0)
        rule.methods = REQUIRE_EVERY_METHOD;
    *ret_rule = rule;
    return OAUTH_OK;
}

/* Whether `lines` has the line `scope` TAB `value`, or `value` alone. */
static bool
has_line(struct span lines, struct span scope, struct span value)
{
    while (lines.size > 0) {
        const char *end = memchr(lines.data, '\n', lines.size);
        size_t size = end != NULL ? (size_t)(end - lines.data) : lines.size;
        struct span line = { lines.data, size };
        lines = behind(lines, end != NULL ? size + 1 : size);
        if (scope.size == 0 && span_equal(line, value))
            return true;
        if (scope.size > 0 && line.size == scope.size + 1 + value.size &&
            line.data[scope.size] == '\t' &&
            memcmp(line.data, scope.data, scope.size) == 0 &&
            memcmp(line.data + scope.size + 1, value.data, value.size) == 0)
            return true;
    }
    return false;
}

/* An address with a second @ is read differently by different programs: it
 * belongs to no domain. */
static bool
has_domain(const struct session *session, struct span domain)
{
    struct span email = session->email;
    const char *at =
        email.size > 0 ? memchr(email.data, '@', email.size) : NULL;
    if (at == NULL || at == email.data || session->email_unverified != 0)
        return false;
    struct span rest = behind(email, (size_t)(at - email.data) + 1);
    return rest.size == domain.size &&
           memchr(rest.data, '@', rest.size) == NULL &&
           strncasecmp(rest.data, domain.data, domain.size) == 0;
}

static bool
holds(const struct require_atom *atom, const struct session *session)
{
    switch (atom->kind) {
    case REQUIRE_ROLE:
        return has_line(session->realm_roles, atom->scope, atom->value);
    case REQUIRE_CLIENT_ROLE:
        return has_line(session->client_roles, atom->scope, atom->value);
    case REQUIRE_GROUP:
        return has_line(session->groups, atom->scope, atom->value);
    case REQUIRE_EMAIL_DOMAIN:
        return has_domain(session, atom->value);
    case REQUIRE_CLAIM:
        return has_line(session->claims, atom->scope, atom->value);
    }
    return false;
}

struct require_bits
require_evaluate(const struct require_table *table,
                 const struct session *session)
{
    struct require_bits bits = { { 0 } };
    for (size_t i = 0; i < table->count; i++) {
        if (holds(&table->atoms[i], session))
            bits.words[i / 64] |= UINT64_C(1) << i % 64;
    }
    return bits;
}

const struct require_rule *
require_broken(const struct require_rules *rules, uint32_t method_bits,
               const struct require_bits *bits)
{
    if (rules == NULL)
        return NULL;
    for (size_t i = 0; i < rules->count; i++) {
        const struct require_rule *rule = &rules->items[i];
        uint64_t common = 0;
        for (size_t k = 0; k < COUNT(bits->words); k++)
            common |= bits->words[k] & rule->any.words[k];
        if ((rule->methods & method_bits) != 0 && common == 0)
            return rule;
    }
    return NULL;
}

void
require_describe(const struct require_table *table,
                 const struct require_rule *rule, struct bytes *out)
{
    bool is_first = true;
    for (size_t i = 0; i < table->count; i++) {
        if ((rule->any.words[i / 64] >> i % 64 & 1) == 0)
            continue;
        if (!is_first)
            bytes_add_text(out, " or ");
        bytes_add_span(out, table->atoms[i].word);
        is_first = false;
    }
}

void
require_claim_names(const struct require_table *table, struct bytes *out)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct require_atom *atom = &table->atoms[i];
        if (atom->kind != REQUIRE_CLAIM ||
            has_line(bytes_span(out), (struct span){ NULL, 0 }, atom->scope))
            continue;
        if (out->size > 0)
            bytes_add_char(out, '\n');
        bytes_add_span(out, atom->scope);
    }
}

void
require_text(const struct require_table *table, struct bytes *out)
{
    for (size_t i = 0; i < table->count; i++) {
        bytes_add_span(out, table->atoms[i].word);
        bytes_add_char(out, '\n');
    }
}
