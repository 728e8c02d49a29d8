/* SPDX-License-Identifier: Apache-2.0
 * What `nginx -t` refuses in a configuration, with the reason. Only here: the
 * flow takes a checked configuration for granted. */
#include "oauth/flow_move.h"

#include "oauth/idtoken.h"
#include "oauth/url.h"

#include <string.h>
#include <strings.h>

#define TEXT_SIZE_MAX  255
#define WORDS_SIZE_MAX 1024
#define LIFETIME_MAX_S ((int64_t)30 * 86400)

static bool
is_printable(struct span text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < 0x20 || text.data[i] >= 0x7f)
            return false;
    }
    return true;
}

static bool
is_token(struct span text)
{
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.'))
            return false;
    }
    return true;
}

/* Whether `scope` has the word "openid". */
static bool
has_openid(struct span scope)
{
    size_t at = 0;
    while (at < scope.size) {
        const char *from = scope.data + at;
        const char *end = memchr(from, ' ', scope.size - at);
        size_t size = end != NULL ? (size_t)(end - from) : scope.size - at;
        if (span_equal_text((struct span){ from, size }, "openid"))
            return true;
        at += size + 1;
    }
    return false;
}

static enum oauth_code
check_urls(const struct flow_config *config, struct error *reterr)
{
    struct url url;
    struct url_guard guard = { .base_url = config->base_url };
    if (!url_parse(config->base_url, &url) ||
        !span_equal_text(url.scheme, "https") || url.path.size > 0 ||
        url.has_query || url.has_fragment ||
        config->base_url.size > TEXT_SIZE_MAX)
        return error_set(reterr, OAUTH_ECONFIG,
                         "redirect_uri is not "
                         "https://HOST[:PORT]/oauth2/callback");
    if (!url_is_endpoint(config->issuer, config->allows_http))
        return error_set(reterr, OAUTH_ECONFIG,
                         "issuer is no https URL (http: on loopback alone, "
                         "with allow_http_loopback)");
    if (config->home_path.size > 0 &&
        (config->home_path.data[0] != '/' ||
         !url_rd_is_safe(&guard, config->home_path)))
        return error_set(reterr, OAUTH_ECONFIG,
                         "home_path is no plain path of our own host");
    if (config->logout_url.size > 0 &&
        !url_is_endpoint(config->logout_url, config->allows_http))
        return error_set(reterr, OAUTH_ECONFIG,
                         "post_logout_redirect_uri is no https URL");
    for (size_t i = 0; i < config->rd_host_count; i++) {
        if (config->rd_hosts[i].size == 0 ||
            config->rd_hosts[i].size > TEXT_SIZE_MAX ||
            !is_printable(config->rd_hosts[i]) ||
            memchr(config->rd_hosts[i].data, '/', config->rd_hosts[i].size) !=
                NULL)
            return error_set(reterr, OAUTH_ECONFIG,
                             "rd_hosts has something that is no HOST[:PORT]");
    }
    return OAUTH_OK;
}

static enum oauth_code
check_client(const struct flow_config *config, struct error *reterr)
{
    if (config->client_id.size == 0 || config->client_id.size > TEXT_SIZE_MAX ||
        !is_printable(config->client_id))
        return error_set(reterr, OAUTH_ECONFIG,
                         "client_id is empty, too long or not printable");
    if (config->client_secret.size > TEXT_SIZE_MAX ||
        !is_printable(config->client_secret))
        return error_set(reterr, OAUTH_ECONFIG,
                         "client_secret is too long or not printable");
    const struct client client = {
        .id = config->client_id,
        .secret = config->client_secret,
        .key = config->client_key,
        .method = config->client_method,
    };
    enum oauth_code code = client_check(&client, reterr);
    if (code != OAUTH_OK)
        return code;
    if (config->skew_s < 0 || config->skew_s > IDTOKEN_SKEW_MAX_S)
        return error_set(reterr, OAUTH_ECONFIG, "skew_s is not 0 to %d",
                         IDTOKEN_SKEW_MAX_S);
    if (config->scope.size > TEXT_SIZE_MAX || !is_printable(config->scope) ||
        (config->scope.size > 0 && !has_openid(config->scope)))
        return error_set(reterr, OAUTH_ECONFIG, "scope needs the word openid");
    return OAUTH_OK;
}

static enum oauth_code
check_bearer(const struct flow_config *config, struct error *reterr)
{
    const struct {
        const char *name;
        struct span words;
    } lists[] = {
        { "bearer_audience", config->bearer_audiences },
        { "bearer_azp", config->bearer_clients },
        { "bearer_scope", config->bearer_scopes },
    };
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        if (lists[i].words.size > WORDS_SIZE_MAX ||
            !is_printable(lists[i].words))
            return error_set(reterr, OAUTH_ECONFIG,
                             "%s is too long or not printable", lists[i].name);
    }
    if (config->introspects &&
        (config->client_method == CLIENT_NONE ||
         (config->client_secret.size == 0 && config->client_key == NULL)))
        return error_set(reterr, OAUTH_ECONFIG,
                         "introspection needs a client that can prove who it "
                         "is: client_secret_file or client_key_file");
    return OAUTH_OK;
}

/* Whether `host` is `domain` or below it. */
static bool
is_below(struct span host, struct span domain)
{
    if (domain.size > 0 && domain.data[0] == '.') {
        domain.data++;
        domain.size--;
    }
    if (domain.size == 0 || host.size < domain.size ||
        strncasecmp(host.data + host.size - domain.size, domain.data,
                    domain.size) != 0)
        return false;
    return host.size == domain.size ||
           host.data[host.size - domain.size - 1] == '.';
}

static enum oauth_code
check_cookie(const struct flow_config *config, struct error *reterr)
{
    struct url url;
    if (!is_token(config->cookie_name) ||
        config->cookie_name.size > COOKIE_NAME_SIZE_MAX / 2)
        return error_set(reterr, OAUTH_ECONFIG,
                         "cookie_name is no token of at most %d bytes",
                         COOKIE_NAME_SIZE_MAX / 2);
    if (config->cookie_domain.size > 0 &&
        (!is_token(config->cookie_domain) ||
         !url_parse(config->base_url, &url) ||
         !is_below(url.host, config->cookie_domain)))
        return error_set(reterr, OAUTH_ECONFIG,
                         "azimuth_cookie domain= does not contain the host of "
                         "redirect_uri");
    if (config->cookie_same_site == FLOW_NONE &&
        config->cookie_domain.size == 0)
        return error_set(reterr, OAUTH_ECONFIG,
                         "azimuth_cookie samesite=none needs domain=");
    return OAUTH_OK;
}

enum oauth_code
flow_config_check(const struct flow_config *config, struct error *reterr)
{
    enum oauth_code code = check_urls(config, reterr);
    if (code == OAUTH_OK)
        code = check_client(config, reterr);
    if (code == OAUTH_OK)
        code = check_bearer(config, reterr);
    if (code == OAUTH_OK)
        code = check_cookie(config, reterr);
    if (code != OAUTH_OK)
        return code;
    if (config->ring == NULL)
        return error_set(reterr, OAUTH_ECONFIG, "there is no secret");
    int64_t idle_s = config->idle_s == 0 ? 1800 : config->idle_s;
    int64_t lifetime_s = config->lifetime_s == 0 ? 28800 : config->lifetime_s;
    if (idle_s < 1 || lifetime_s < idle_s || lifetime_s > LIFETIME_MAX_S)
        return error_set(reterr, OAUTH_ECONFIG,
                         "idle_s and lifetime_s are not 0 < idle <= lifetime "
                         "<= 30 days");
    if (config->refresh_at < 0 || config->refresh_at > 100 ||
        config->refresh_wait_s < 0 || config->refresh_wait_s > 3600)
        return error_set(reterr, OAUTH_ECONFIG,
                         "refresh_at is no percentage, or refresh_wait_s is "
                         "above an hour");
    return OAUTH_OK;
}
