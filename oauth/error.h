/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OAUTH_ERROR_H
#define OAUTH_ERROR_H

/* The one list of failures of a login. Each row: code, HTTP status of the
 * answer, short name for logs and metrics. Texts are written where a failure
 * is found; they never hold a token, cookie, code, verifier or secret. */
#define OAUTH_CODES(X)                                                         \
    X(OAUTH_OK, 200, "ok")                                                     \
    X(OAUTH_ECONFIG, 500, "config")       /* refused by nginx -t */            \
    X(OAUTH_EREQUEST, 400, "bad_request") /* malformed callback, ... */        \
    X(OAUTH_EMETHOD, 405, "bad_method")                                        \
    X(OAUTH_ENOTFOUND, 404, "not_found") /* unknown /oauth2/ path */           \
    X(OAUTH_ECSRF, 403, "cross_site")    /* sign-out from elsewhere */         \
    X(OAUTH_ENOSESSION, 401, "no_session")                                     \
    X(OAUTH_EEXPIRED, 401, "session_expired")                                  \
    X(OAUTH_ECOOKIE, 401, "bad_cookie") /* forged, cut, unknown key */         \
    X(OAUTH_ENOCREDENTIAL, 401, "no_credential") /* neither token nor key */   \
    X(OAUTH_EBEARER, 401, "invalid_token")       /* RFC 6750 section 3.1 */    \
    X(OAUTH_ESCOPE, 403, "insufficient_scope")   /* likewise */                \
    X(OAUTH_EFORBIDDEN, 403, "forbidden")        /* a claim rule */            \
    X(OAUTH_ESTATE, 400, "bad_state")          /* no such login, used, old */  \
    X(OAUTH_EREFUSED, 403, "provider_refused") /* error= in the callback */    \
    X(OAUTH_ECODE, 400, "bad_code")            /* invalid_grant */             \
    X(OAUTH_ELOOP, 503, "login_loop")                                          \
    X(OAUTH_ETOKEN, 502, "bad_token")       /* ID token fails a rule */        \
    X(OAUTH_ECLOCK, 502, "bad_time")        /* ID token old, or not yet */     \
    X(OAUTH_EKEY, 502, "unknown_key")       /* no key fits the token */        \
    X(OAUTH_EDOCUMENT, 502, "bad_document") /* discovery, JWKS, token */       \
    X(OAUTH_EPROVIDER, 503, "provider_down")                                   \
    X(OAUTH_ESTORE, 503, "store_down")                                         \
    X(OAUTH_ELIMIT, 431, "too_large") /* cookie or header too big */           \
    X(OAUTH_EBODY, 413, "body_too_large")                                      \
    X(OAUTH_ELOGOUT, 400, "bad_logout_token")                                  \
    X(OAUTH_ENOMEM, 500, "no_memory")                                          \
    X(OAUTH_EINTERNAL, 500, "internal")

enum oauth_code {
#define X(code, http, name) code,
    OAUTH_CODES(X)
#undef X
};

#define OAUTH_ERROR_TEXT_SIZE 256

/* Why something failed; `text` is one line, always terminated, fit for the
 * log. It may quote the peer: escape it before it enters HTML or JSON. */
struct error {
    enum oauth_code code;
    char text[OAUTH_ERROR_TEXT_SIZE];
};

/* Fills `reterr` (may be NULL) and returns `code`, so that a function can end
 * with `return error_set(reterr, OAUTH_ETOKEN, "...", ...)`. Long texts are
 * cut; control characters become '?'. Any thread. */
enum oauth_code error_set(struct error *reterr, enum oauth_code code,
                          const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* As error_set() for memory exhaustion. */
enum oauth_code error_memory(struct error *reterr);

int error_http_status(enum oauth_code code);
const char *error_name(enum oauth_code code);

#endif /* OAUTH_ERROR_H */
