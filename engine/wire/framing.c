/* SPDX-License-Identifier: Apache-2.0
 * Looks at every header of a request once, before its body is read. */
#include "engine/wire/framing.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

struct framing {
    unsigned lengths, codings, hosts;
    bool is_chunked; /* by the last coding */
    bool is_spoilt;  /* a name or value that readers may cut differently */
};

/* RFC 9110 section 5.6.2. */
static bool
is_token(const char *text)
{
    static const char marks[] = "!#$%&'*+-.^_`|~";
    if (*text == '\0')
        return false;
    for (; *text != '\0'; text++) {
        bool is_letter =
            (*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z');
        bool is_digit = *text >= '0' && *text <= '9';
        if (!is_letter && !is_digit && strchr(marks, *text) == NULL)
            return false;
    }
    return true;
}

/* A lone CR is the end of a line to some. */
static bool
has_control(const char *text)
{
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return true;
    }
    return false;
}

static enum MHD_Result
on_header(void *cls, enum MHD_ValueKind kind, const char *name,
          const char *value)
{
    struct framing *framing = cls;
    (void)kind;
    if (value == NULL)
        value = "";
    if (!is_token(name) || has_control(value)) {
        framing->is_spoilt = true;
        return MHD_NO;
    }
    if (strcasecmp(name, MHD_HTTP_HEADER_CONTENT_LENGTH) == 0) {
        framing->lengths++;
    } else if (strcasecmp(name, MHD_HTTP_HEADER_TRANSFER_ENCODING) == 0) {
        framing->codings++;
        framing->is_chunked = strcasecmp(value, "chunked") == 0;
    } else if (strcasecmp(name, MHD_HTTP_HEADER_HOST) == 0) {
        framing->hosts++;
    }
    return MHD_YES;
}

bool
framing_is_clear(struct MHD_Connection *mhd, const char *version)
{
    struct framing framing = { .lengths = 0 };
    MHD_get_connection_values(mhd, MHD_HEADER_KIND, on_header, &framing);
    if (framing.is_spoilt || framing.hosts > 1 ||
        framing.lengths + framing.codings > 1)
        return false;
    return framing.codings == 0 ||
           (framing.is_chunked && strcmp(version, MHD_HTTP_VERSION_1_1) == 0);
}
