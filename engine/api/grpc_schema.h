/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_API_GRPC_SCHEMA_H
#define ENGINE_API_GRPC_SCHEMA_H

#include "base/arena.h"
#include "engine/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <yyjson.h>

/* The messages of our .proto files, read once from the descriptor set that
 * protoc made of them at build time (descriptor.proto). Constant after that:
 * any thread. */

/* Types of fields, by their numbers in descriptor.proto. */
enum schema_type {
    SCHEMA_DOUBLE = 1,
    SCHEMA_FLOAT = 2,
    SCHEMA_INT64 = 3,
    SCHEMA_UINT64 = 4,
    SCHEMA_INT32 = 5,
    SCHEMA_BOOL = 8,
    SCHEMA_STRING = 9,
    SCHEMA_MESSAGE = 11,
    SCHEMA_BYTES = 12,
    SCHEMA_UINT32 = 13,
    SCHEMA_ENUM = 14
};

struct schema_value {
    uint32_t number;
    const char *word; /* as in JSON: "whole_word"; Distance keeps its case */
};

struct schema_enum {
    const char *name; /* with its package */
    const struct schema_value *values;
    size_t values_count;
};

struct schema_message;

struct schema_field {
    const char *name;
    uint32_t number;
    enum schema_type type;
    bool is_repeated;
    bool has_presence; /* optional, or of a oneof: absent is not the default */
    const char *type_name;
    const struct schema_message *message; /* of MESSAGE */
    const struct schema_enum *values;     /* of ENUM */
};

/* Turns a message, read as an object of its fields, into what REST has in its
 * place; NULL: it cannot be, and `why` says so (grpc_shape.c). */
typedef yyjson_mut_val *(*grpc_shape)(yyjson_mut_doc *doc,
                                      yyjson_mut_val *object, const char **why);

/* NULL: it stays an object of its fields. */
grpc_shape grpc_shape_find(const char *message_name);

struct schema_message {
    const char *name; /* with its package */
    bool is_map;      /* an entry of a map: key 1, value 2 */
    grpc_shape shape; /* NULL: none */
    const struct schema_field *fields;
    size_t fields_count;
};

/* One .proto file, for reflection. */
struct schema_file {
    struct span name;
    struct span descriptor; /* FileDescriptorProto */
    struct span package;
};

struct grpc_schema;

/* The set that protoc made (grpc_descriptors.c, built). */
extern const unsigned char grpc_descriptors[];
extern const size_t grpc_descriptors_size;

/* ENGINE_ENOMEM. Undone by grpc_schema_free(); NULL is allowed there. */
enum engine_code grpc_schema_open(struct grpc_schema **ret_schema,
                                  struct error *reterr)
    __attribute__((warn_unused_result));
void grpc_schema_free(struct grpc_schema *schema);

/* By its name with the package, NULL when there is none. */
const struct schema_message *
grpc_schema_message(const struct grpc_schema *schema, const char *name);

/* The field of that number, or NULL. */
const struct schema_field *
schema_field_find(const struct schema_message *message, uint32_t number);

/* The files, in an order in which each comes after what it imports. */
const struct schema_file *grpc_schema_files(const struct grpc_schema *schema,
                                            size_t *ret_count);

/* The file that declares a service, method, message, field or enum by that
 * name with its package; NULL when none does. */
const struct schema_file *grpc_schema_file_of(const struct grpc_schema *schema,
                                              struct span symbol);

#endif /* ENGINE_API_GRPC_SCHEMA_H */
