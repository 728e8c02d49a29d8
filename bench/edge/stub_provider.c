/* SPDX-License-Identifier: Apache-2.0
 * An OpenID provider that logs everybody in as fast as it can, for bench/: the
 * code that a client brings is taken as the nonce of its ID token, so it keeps
 * nothing. Listens on 127.0.0.1.
 *   bench/stub-provider PORT CLIENT_ID */
#include "tests/unit/oauth/forge.h"

#include <microhttpd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <arpa/inet.h>

#define CODE_SIZE_MAX 128

struct stub {
    EVP_PKEY *pkey;
    char *issuer;
    const char *client_id;
    char *metadata;
    char *jwks;
};

/* One POST: the code is copied out of the form as it comes. */
struct call {
    struct MHD_PostProcessor *form;
    char code[CODE_SIZE_MAX + 1];
};

static enum MHD_Result
take_field(void *data, enum MHD_ValueKind kind, const char *key,
           const char *filename, const char *content_type,
           const char *transfer_encoding, const char *value, uint64_t offset,
           size_t size)
{
    struct call *call = data;
    (void)kind, (void)filename, (void)content_type, (void)transfer_encoding;
    if (strcmp(key, "code") == 0 && offset + size <= CODE_SIZE_MAX) {
        memcpy(call->code + offset, value, size);
        call->code[offset + size] = '\0';
    }
    return MHD_YES;
}

static char *
token_answer(const struct stub *stub, const char *nonce)
{
    long long now_s = (long long)time(NULL);
    char *payload = forge_text(
        "{\"iss\":\"%s\",\"aud\":\"%s\",\"sub\":\"user-%.16s\","
        "\"preferred_username\":\"ada\",\"email\":\"ada@example.org\","
        "\"sid\":\"s-%.16s\",\"iat\":%lld,\"exp\":%lld,\"nonce\":\"%s\"}",
        stub->issuer, stub->client_id, nonce, nonce, now_s, now_s + 300, nonce);
    char *token = forge_token(stub->pkey, "ES256",
                              "{\"alg\":\"ES256\",\"kid\":\"k\"}", payload);
    char *body = forge_text("{\"access_token\":\"a\",\"token_type\":\"Bearer\","
                            "\"expires_in\":300,\"refresh_token\":\"r\","
                            "\"id_token\":\"%s\"}",
                            token);
    free(payload);
    free(token);
    return body;
}

static enum MHD_Result
answer(struct MHD_Connection *connection, unsigned status, char *body,
       enum MHD_ResponseMemoryMode mode)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(strlen(body), body, mode);
    (void)MHD_add_response_header(response, "Content-Type", "application/json");
    enum MHD_Result done = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return done;
}

static enum MHD_Result
take_request(void *data, struct MHD_Connection *connection, const char *url,
             const char *method, const char *version, const char *upload,
             size_t *upload_size, void **state)
{
    const struct stub *stub = data;
    struct call *call = *state;
    (void)version;
    if (strcmp(method, "POST") != 0)
        return answer(connection, 200,
                      strcmp(url, "/jwks") == 0 ? stub->jwks : stub->metadata,
                      MHD_RESPMEM_PERSISTENT);
    if (call == NULL) {
        call = calloc(1, sizeof(*call));
        if (call == NULL)
            return MHD_NO;
        call->form =
            MHD_create_post_processor(connection, 1024, take_field, call);
        *state = call;
        return MHD_YES;
    }
    if (*upload_size > 0) {
        (void)MHD_post_process(call->form, upload, *upload_size);
        *upload_size = 0;
        return MHD_YES;
    }
    return answer(connection, 200, token_answer(stub, call->code),
                  MHD_RESPMEM_MUST_FREE);
}

static void
end_request(void *data, struct MHD_Connection *connection, void **state,
            enum MHD_RequestTerminationCode why)
{
    struct call *call = *state;
    (void)data, (void)connection, (void)why;
    if (call == NULL)
        return;
    MHD_destroy_post_processor(call->form);
    free(call);
    *state = NULL;
}

int
main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: stub-provider PORT CLIENT_ID\n");
        return 2;
    }
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)atoi(argv[1])) };
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    struct stub stub = { .pkey = forge_ec("P-256"), .client_id = argv[2] };
    stub.issuer = forge_text("http://127.0.0.1:%s", argv[1]);
    stub.jwks = forge_jwks(stub.pkey, "k");
    stub.metadata = forge_text(
        "{\"issuer\":\"%s\",\"authorization_endpoint\":\"%s/authorize\","
        "\"token_endpoint\":\"%s/token\",\"jwks_uri\":\"%s/jwks\"}",
        stub.issuer, stub.issuer, stub.issuer, stub.issuer);
    sigset_t stops;
    sigemptyset(&stops);
    sigaddset(&stops, SIGTERM);
    sigaddset(&stops, SIGINT);
    sigprocmask(SIG_BLOCK, &stops, NULL);
    struct MHD_Daemon *daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, take_request, &stub,
        MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&address,
        MHD_OPTION_CONNECTION_LIMIT, 4096u, MHD_OPTION_NOTIFY_COMPLETED,
        end_request, NULL, MHD_OPTION_END);
    if (daemon == NULL) {
        perror("stub-provider: cannot listen");
        return 1;
    }
    int signal_number;
    sigwait(&stops, &signal_number);
    MHD_stop_daemon(daemon);
    return 0;
}
