/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_API_GRPC_JSON_NUMBERS_H
#define ENGINE_API_GRPC_JSON_NUMBERS_H

/* The numbers of value.proto. */
enum {
    VALUE_NULL = 1,
    VALUE_DOUBLE = 2,
    VALUE_INTEGER = 3,
    VALUE_STRING = 4,
    VALUE_BOOL = 5,
    VALUE_STRUCT = 6,
    VALUE_LIST = 7,
    STRUCT_FIELDS = 1,
    LIST_VALUES = 1,
    ENTRY_KEY = 1,
    ENTRY_VALUE = 2
};

#endif /* ENGINE_API_GRPC_JSON_NUMBERS_H */
