/* SPDX-License-Identifier: Apache-2.0
 * External ids: parsing, order, keys, printing. */
#include "engine/codec/point_id.h"

#include "engine/codec/hex.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <xxhash.h>

#define KEY_NUMBER    0
#define KEY_UUID      1
#define ID_TEXT_SHOWN 64

int
point_id_compare(const struct point_id *a, const struct point_id *b)
{
    if (a->is_uuid != b->is_uuid)
        return a->is_uuid ? 1 : -1;
    if (a->is_uuid)
        return memcmp(a->uuid, b->uuid, sizeof(a->uuid));
    return (a->number > b->number) - (a->number < b->number);
}

uint64_t
point_id_hash(const struct point_id *id)
{
    if (id->is_uuid)
        return XXH3_64bits(id->uuid, sizeof(id->uuid));
    return XXH3_64bits(&id->number, sizeof(id->number));
}

size_t
point_id_key(const struct point_id *id, uint8_t key[POINT_ID_KEY_SIZE_MAX])
{
    if (id->is_uuid) {
        key[0] = KEY_UUID;
        memcpy(key + 1, id->uuid, sizeof(id->uuid));
        return 1 + sizeof(id->uuid);
    }
    key[0] = KEY_NUMBER;
    for (unsigned i = 0; i < 8; i++)
        key[1 + i] = (uint8_t)(id->number >> (56 - 8 * i));
    return 9;
}

bool
point_id_from_key(struct span key, struct point_id *ret_id)
{
    struct point_id id = { 0 };
    if (key.size == 9 && key.data[0] == KEY_NUMBER) {
        for (unsigned i = 0; i < 8; i++)
            id.number = id.number << 8 | (uint8_t)key.data[1 + i];
    } else if (key.size == 17 && key.data[0] == KEY_UUID) {
        id.is_uuid = true;
        memcpy(id.uuid, key.data + 1, sizeof(id.uuid));
    } else {
        return false;
    }
    *ret_id = id;
    return true;
}

static bool
parse_hex(struct span text, bool is_hyphenated, uint8_t uuid[16])
{
    size_t at = 0;
    for (size_t i = 0; i < 16; i++) {
        if (is_hyphenated && (i == 4 || i == 6 || i == 8 || i == 10)) {
            if (text.data[at] != '-')
                return false;
            at++;
        }
        int high = hex_value(text.data[at]);
        int low = hex_value(text.data[at + 1]);
        if (high < 0 || low < 0)
            return false;
        uuid[i] = (uint8_t)(high << 4 | low);
        at += 2;
    }
    return at == text.size;
}

static bool
parse_uuid(struct span text, uint8_t uuid[16])
{
    if (span_starts(text, "urn:uuid:")) {
        text.data += 9;
        text.size -= 9;
    } else if (text.size == 38 && text.data[0] == '{' && text.data[37] == '}') {
        text.data++;
        text.size -= 2;
    }
    if (text.size == 36)
        return parse_hex(text, true, uuid);
    if (text.size == 32)
        return parse_hex(text, false, uuid);
    return false;
}

bool
point_id_from_uuid(struct span text, struct point_id *ret_id)
{
    struct point_id id = { .is_uuid = true };
    if (!parse_uuid(text, id.uuid))
        return false;
    *ret_id = id;
    return true;
}

enum engine_code
point_id_from_json(yyjson_val *value, struct point_id *ret_id,
                   struct error *reterr)
{
    struct point_id id = { 0 };
    if (yyjson_is_uint(value)) {
        id.number = unsafe_yyjson_get_uint(value);
    } else if (yyjson_is_str(value) && parse_uuid(json_span(value), id.uuid)) {
        id.is_uuid = true;
    } else {
        struct bytes shown;
        bytes_init(&shown, 4096);
        if (value != NULL)
            (void)!json_value_text(value, &shown, NULL);
        error_set(reterr, ENGINE_EFORMAT,
                  "value %.*s is not a valid point ID, valid values are either "
                  "an unsigned integer or a UUID",
                  ID_TEXT_SHOWN, shown.data == NULL ? "?" : shown.data);
        bytes_release(&shown);
        return ENGINE_EFORMAT;
    }
    *ret_id = id;
    return ENGINE_OK;
}

static bool
parse_number(struct span text, uint64_t *ret_number)
{
    if (text.size == 0 || text.size > 20)
        return false;
    uint64_t number = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        uint64_t digit = (uint64_t)(text.data[i] - '0');
        if (number > (UINT64_MAX - digit) / 10)
            return false;
        number = number * 10 + digit;
    }
    *ret_number = number;
    return true;
}

enum engine_code
point_id_from_path(struct span text, struct point_id *ret_id,
                   struct error *reterr)
{
    struct point_id id = { 0 };
    if (!parse_number(text, &id.number)) {
        if (!parse_uuid(text, id.uuid))
            return error_set(
                reterr, ENGINE_EINPUT, "Can not recognize \"%.*s\" as point id",
                text.size < ID_TEXT_SHOWN ? (int)text.size : ID_TEXT_SHOWN,
                text.data);
        id.is_uuid = true;
    }
    *ret_id = id;
    return ENGINE_OK;
}

void
point_id_text(const struct point_id *id, char text[POINT_ID_TEXT_SIZE])
{
    if (!id->is_uuid) {
        snprintf(text, POINT_ID_TEXT_SIZE, "%" PRIu64, id->number);
        return;
    }
    uuid_string(id->uuid, text);
}

void
point_id_write(struct json_writer *writer, const struct point_id *id)
{
    if (!id->is_uuid) {
        json_u64(writer, id->number);
        return;
    }
    char text[POINT_ID_TEXT_SIZE];
    point_id_text(id, text);
    json_text(writer, text);
}
