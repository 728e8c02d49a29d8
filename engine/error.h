/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_ERROR_H
#define ENGINE_ERROR_H

/* The engine's one list of failures. Each row: code, HTTP status, gRPC status
 * code, prefix of the text on the wire (reference: Qdrant's REST errors). */
#define ENGINE_CODES(X)                                                        \
    X(ENGINE_OK, 200, 0, "")                                                   \
    X(ENGINE_EINPUT, 400, 3, "Wrong input: ")                                  \
    X(ENGINE_EREQUEST, 400, 3, "Bad request: ")                                \
    X(ENGINE_EUNSUPPORTED, 400, 12, "Bad request: ")                           \
    X(ENGINE_ELIMIT, 413, 8, "Bad request: ")                                  \
    X(ENGINE_EFORMAT, 400, 3, "Format error in JSON body: ")                   \
    X(ENGINE_EQUERY, 400, 3, "Deserialize error in query parameters: ")        \
    X(ENGINE_EVALID, 422, 3, "Validation error in JSON body: ")                \
    X(ENGINE_EVALIDPATH, 422, 3, "Validation error in path parameters: ")      \
    X(ENGINE_EVALIDQUERY, 422, 3, "Validation error in query parameters: ")    \
    X(ENGINE_ENOTFOUND, 404, 5, "Not found: ")                                 \
    X(ENGINE_ECHECKSUM, 400, 15, "Checksum mismatch: ")                        \
    X(ENGINE_EEXIST, 409, 6, "Wrong input: ")                                  \
    X(ENGINE_EFORBIDDEN, 403, 7, "Forbidden: ")                                \
    X(ENGINE_EUNKNOWN, 401, 16, "Unauthorized: ")                              \
    X(ENGINE_ETIMEOUT, 408, 4, "Timeout: ")                                    \
    X(ENGINE_ERATE, 429, 8, "Rate limiting exceeded: ")                        \
    X(ENGINE_EUNAVAILABLE, 503, 14, "Service unavailable: ")                   \
    X(ENGINE_ENOSPACE, 507, 8, "Insufficient storage: ")                       \
    X(ENGINE_ENOMEM, 507, 8, "Insufficient storage: ")                         \
    X(ENGINE_EINTERNAL, 500, 13, "Service internal error: ")                   \
    X(ENGINE_EINFERENCE, 500, 13, "Service internal error: ")                  \
    X(ENGINE_ECORRUPT, 500, 15, "Service internal error: ")                    \
    X(ENGINE_EVERSION, 500, 9, "Service internal error: ")

enum engine_code {
#define X(code, http, grpc, prefix) code,
    ENGINE_CODES(X)
#undef X
};

#define ENGINE_ERROR_TEXT_SIZE 512

/* Why something failed; `text` without the wire prefix, always terminated. */
struct error {
    enum engine_code code;
    unsigned retry_s; /* ENGINE_ERATE: seconds until it may work; 0: never */
    char text[ENGINE_ERROR_TEXT_SIZE];
};

/* Fills `reterr` (may be NULL) and returns `code`, so that a function can end
 * with `return error_set(reterr, ENGINE_EINPUT, "...", ...)`. Long texts are
 * cut. */
enum engine_code error_set(struct error *reterr, enum engine_code code,
                           const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* As error_set() for memory exhaustion. */
enum engine_code error_memory(struct error *reterr);

/* ENGINE_ENOMEM when `what` (a noun: "the update") does not fit under the
 * memory limit (base/memory.h): names limit, use and what would help. */
enum engine_code error_memory_limit(struct error *reterr, const char *what,
                                    unsigned long long more_size,
                                    unsigned long long used_size,
                                    unsigned long long limit_size);

/* ENGINE_EUNAVAILABLE when the working memory of all requests together is used
 * up. */
enum engine_code error_memory_busy(struct error *reterr,
                                   unsigned long long limit_size);

int error_http_status(enum engine_code code);
int error_grpc_status(enum engine_code code);
const char *error_prefix(enum engine_code code);
const char *error_name(enum engine_code code);

#endif /* ENGINE_ERROR_H */
