/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_API_OPENAPI_H
#define ENGINE_API_OPENAPI_H

#include <stddef.h>

/* The OpenAPI document of the REST API, openapi.json (openapi_text.c, built).
 * Every route that is served is in it, and no other: test_openapi.c. */
extern const unsigned char openapi_text[];
extern const size_t openapi_text_size;

#endif /* ENGINE_API_OPENAPI_H */
