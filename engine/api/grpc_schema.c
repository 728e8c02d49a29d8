/* SPDX-License-Identifier: Apache-2.0
 * A descriptor set into tables. The set is ours and was made by protoc, so that
 * a fault in it is asserted, not reported. Types are linked by name at the
 * end. */
#include "engine/api/grpc_schema.h"

#include "engine/codec/protobuf.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_SIZE_MAX ((size_t)4 << 20)
#define MESSAGES_MAX   512
#define ENUMS_MAX      64
#define FILES_MAX      32
#define NAME_SIZE_MAX  256

struct grpc_schema {
    struct arena arena;
    size_t messages_count, enums_count, files_count;
    struct schema_message messages[MESSAGES_MAX];
    const struct schema_file *message_files[MESSAGES_MAX];
    struct schema_enum enums[ENUMS_MAX];
    const struct schema_file *enum_files[ENUMS_MAX];
    struct schema_file files[FILES_MAX];
};

/* The first field of that number; size 0 and NULL: none. */
static struct span
bytes_of(struct span message, uint32_t number)
{
    struct protobuf_reader reader;
    struct protobuf_field field;
    protobuf_reader_init(&reader, message);
    while (protobuf_next(&reader, &field)) {
        if (field.number == number)
            return field.bytes;
    }
    assert(!reader.is_bad);
    return (struct span){ NULL, 0 };
}

static uint64_t
number_of(struct span message, uint32_t number, bool *ret_has)
{
    struct protobuf_reader reader;
    struct protobuf_field field;
    protobuf_reader_init(&reader, message);
    *ret_has = false;
    while (protobuf_next(&reader, &field)) {
        if (field.number != number)
            continue;
        *ret_has = true;
        return field.value;
    }
    return 0;
}

static size_t
count_of(struct span message, uint32_t number)
{
    struct protobuf_reader reader;
    struct protobuf_field field;
    size_t count = 0;
    protobuf_reader_init(&reader, message);
    while (protobuf_next(&reader, &field))
        count += field.number == number;
    return count;
}

/* "scope.name" in the arena. */
static const char *
name_join(struct grpc_schema *schema, const char *scope, struct span name)
{
    struct bytes text;
    bytes_init(&text, NAME_SIZE_MAX);
    bytes_add_text(&text, scope);
    bytes_add_char(&text, '.');
    bytes_add_span(&text, name);
    char *copy = arena_strndup(&schema->arena, text.data, text.size);
    bytes_release(&text);
    return copy;
}

/* OneAndHalfBits -> one_and_half_bits, RRF -> rrf, Scalar4Bits -> scalar4bits:
 * as the JSON of the API spells them. */
static const char *
word_make(struct grpc_schema *schema, struct span name)
{
    char *word = arena_alloc(&schema->arena, 2 * name.size + 1);
    size_t size = 0;
    if (word == NULL)
        return NULL;
    for (size_t i = 0; i < name.size; i++) {
        char c = name.data[i];
        bool is_upper = c >= 'A' && c <= 'Z';
        if (is_upper && i > 0 && name.data[i - 1] >= 'a' &&
            name.data[i - 1] <= 'z')
            word[size++] = '_';
        word[size++] = is_upper ? (char)(c - 'A' + 'a') : c;
    }
    word[size] = '\0';
    return word;
}

/* EnumDescriptorProto: name 1, value 2 { name 1, number 2 }. */
static void
enum_add(struct grpc_schema *schema, const char *scope, struct span descriptor,
         const struct schema_file *file)
{
    assert(schema->enums_count < ENUMS_MAX);
    schema->enum_files[schema->enums_count] = file;
    struct schema_enum *entry = &schema->enums[schema->enums_count++];
    size_t count = count_of(descriptor, 2);
    struct schema_value *values =
        arena_calloc(&schema->arena, count, sizeof(*values));
    struct protobuf_reader reader;
    struct protobuf_field field;
    bool has;
    entry->name = name_join(schema, scope, bytes_of(descriptor, 1));
    entry->values = values;
    if (values == NULL || entry->name == NULL)
        return;
    bool keeps_case = strcmp(entry->name, "qdrant.Distance") == 0;
    protobuf_reader_init(&reader, descriptor);
    while (protobuf_next(&reader, &field)) {
        if (field.number != 2)
            continue;
        struct span name = bytes_of(field.bytes, 1);
        struct schema_value *value = &values[entry->values_count++];
        value->number = (uint32_t)number_of(field.bytes, 2, &has);
        value->word = keeps_case
                          ? arena_strndup(&schema->arena, name.data, name.size)
                          : word_make(schema, name);
    }
}

/* FieldDescriptorProto: name 1, number 3, label 4, type 5, type_name 6,
 * oneof_index 9. */
static void
field_fill(struct grpc_schema *schema, struct span descriptor,
           struct schema_field *field)
{
    bool has;
    struct span name = bytes_of(descriptor, 1);
    struct span type_name = bytes_of(descriptor, 6);
    field->name = arena_strndup(&schema->arena, name.data, name.size);
    field->number = (uint32_t)number_of(descriptor, 3, &has);
    field->is_repeated = number_of(descriptor, 4, &has) == 3;
    field->type = (enum schema_type)number_of(descriptor, 5, &has);
    number_of(descriptor, 9, &has);
    field->has_presence = has || field->type == SCHEMA_MESSAGE;
    if (type_name.size > 0)
        field->type_name = arena_strndup(&schema->arena, type_name.data + 1,
                                         type_name.size - 1);
}

/* DescriptorProto: name 1, field 2, nested_type 3, enum_type 4, options 7
 * { map_entry 7 }. Nesting is as deep as our files. */
static void
message_add(struct grpc_schema *schema, const char *scope,
            struct span descriptor, const struct schema_file *file)
{
    assert(schema->messages_count < MESSAGES_MAX);
    schema->message_files[schema->messages_count] = file;
    struct schema_message *message =
        &schema->messages[schema->messages_count++];
    struct schema_field *fields = arena_calloc(
        &schema->arena, count_of(descriptor, 2) + 1, sizeof(*fields));
    struct protobuf_reader reader;
    struct protobuf_field part;
    bool has;
    message->name = name_join(schema, scope, bytes_of(descriptor, 1));
    message->fields = fields;
    message->is_map = number_of(bytes_of(descriptor, 7), 7, &has) != 0;
    if (fields == NULL || message->name == NULL)
        return;
    protobuf_reader_init(&reader, descriptor);
    while (protobuf_next(&reader, &part)) {
        if (part.number == 2)
            field_fill(schema, part.bytes, &fields[message->fields_count++]);
        else if (part.number == 3)
            message_add(schema, message->name, part.bytes, file);
        else if (part.number == 4)
            enum_add(schema, message->name, part.bytes, file);
    }
}

/* FileDescriptorProto: name 1, package 2, message_type 4, enum_type 5. */
static void
file_add(struct grpc_schema *schema, struct span descriptor)
{
    assert(schema->files_count < FILES_MAX);
    struct schema_file *file = &schema->files[schema->files_count++];
    struct protobuf_reader reader;
    struct protobuf_field part;
    *file = (struct schema_file){ .name = bytes_of(descriptor, 1),
                                  .package = bytes_of(descriptor, 2),
                                  .descriptor = descriptor };
    const char *package =
        arena_strndup(&schema->arena, file->package.data, file->package.size);
    if (package == NULL)
        return;
    protobuf_reader_init(&reader, descriptor);
    while (protobuf_next(&reader, &part)) {
        if (part.number == 4)
            message_add(schema, package, part.bytes, file);
        else if (part.number == 5)
            enum_add(schema, package, part.bytes, file);
    }
    assert(!reader.is_bad);
}

static const struct schema_enum *
enum_find(const struct grpc_schema *schema, const char *name)
{
    for (size_t i = 0; i < schema->enums_count; i++) {
        if (strcmp(schema->enums[i].name, name) == 0)
            return &schema->enums[i];
    }
    return NULL;
}

static void
types_link(struct grpc_schema *schema)
{
    for (size_t i = 0; i < schema->messages_count; i++) {
        struct schema_message *message = &schema->messages[i];
        union {
            const struct schema_field *shown;
            struct schema_field *filled;
        } fields = { message->fields };
        message->shape = grpc_shape_find(message->name);
        for (size_t j = 0; j < message->fields_count; j++) {
            struct schema_field *field = &fields.filled[j];
            if (field->type == SCHEMA_MESSAGE)
                field->message = grpc_schema_message(schema, field->type_name);
            else if (field->type == SCHEMA_ENUM)
                field->values = enum_find(schema, field->type_name);
            assert(field->type != SCHEMA_MESSAGE || field->message != NULL);
            assert(field->type != SCHEMA_ENUM || field->values != NULL);
        }
    }
}

enum engine_code
grpc_schema_open(struct grpc_schema **ret_schema, struct error *reterr)
{
    struct grpc_schema *schema = calloc(1, sizeof(*schema));
    struct protobuf_reader reader;
    struct protobuf_field part;
    if (schema == NULL)
        return error_memory(reterr);
    arena_init(&schema->arena, ARENA_SIZE_MAX);
    protobuf_reader_init(&reader, (struct span){ (const char *)grpc_descriptors,
                                                 grpc_descriptors_size });
    while (protobuf_next(&reader, &part))
        file_add(schema, part.bytes);
    assert(!reader.is_bad);
    if (arena_failed(&schema->arena)) {
        grpc_schema_free(schema);
        return error_memory(reterr);
    }
    types_link(schema);
    *ret_schema = schema;
    return ENGINE_OK;
}

void
grpc_schema_free(struct grpc_schema *schema)
{
    if (schema == NULL)
        return;
    arena_release(&schema->arena);
    free(schema);
}

const struct schema_message *
grpc_schema_message(const struct grpc_schema *schema, const char *name)
{
    for (size_t i = 0; i < schema->messages_count; i++) {
        if (strcmp(schema->messages[i].name, name) == 0)
            return &schema->messages[i];
    }
    return NULL;
}

const struct schema_field *
schema_field_find(const struct schema_message *message, uint32_t number)
{
    for (size_t i = 0; i < message->fields_count; i++) {
        if (message->fields[i].number == number)
            return &message->fields[i];
    }
    return NULL;
}

const struct schema_file *
grpc_schema_files(const struct grpc_schema *schema, size_t *ret_count)
{
    *ret_count = schema->files_count;
    return schema->files;
}

/* Service 6 { name 1, method 2 { name 1 } } of a file. */
static bool
file_has_service(const struct schema_file *file, struct span symbol)
{
    struct protobuf_reader reader;
    struct protobuf_field part;
    struct span rest = symbol;
    if (symbol.size <= file->package.size + 1 ||
        memcmp(symbol.data, file->package.data, file->package.size) != 0 ||
        symbol.data[file->package.size] != '.')
        return false;
    rest.data += file->package.size + 1;
    rest.size -= file->package.size + 1;
    protobuf_reader_init(&reader, file->descriptor);
    while (protobuf_next(&reader, &part)) {
        if (part.number != 6)
            continue;
        struct span name = bytes_of(part.bytes, 1);
        if (rest.size >= name.size &&
            memcmp(rest.data, name.data, name.size) == 0 &&
            (rest.size == name.size || rest.data[name.size] == '.'))
            return true;
    }
    return false;
}

/* Whether it is that message or "message.field". */
static bool
message_has(const struct schema_message *message, struct span symbol)
{
    size_t size = strlen(message->name);
    if (symbol.size < size || memcmp(symbol.data, message->name, size) != 0)
        return false;
    if (symbol.size == size)
        return true;
    struct span rest = { symbol.data + size + 1, symbol.size - size - 1 };
    if (symbol.data[size] != '.')
        return false;
    for (size_t i = 0; i < message->fields_count; i++) {
        if (span_equal_text(rest, message->fields[i].name))
            return true;
    }
    return false;
}

const struct schema_file *
grpc_schema_file_of(const struct grpc_schema *schema, struct span symbol)
{
    for (size_t i = 0; i < schema->messages_count; i++) {
        if (message_has(&schema->messages[i], symbol))
            return schema->message_files[i];
    }
    for (size_t i = 0; i < schema->enums_count; i++) {
        if (span_equal_text(symbol, schema->enums[i].name))
            return schema->enum_files[i];
    }
    for (size_t i = 0; i < schema->files_count; i++) {
        if (file_has_service(&schema->files[i], symbol))
            return &schema->files[i];
    }
    return NULL;
}
