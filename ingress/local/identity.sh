# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2034,SC2154,SC2086
# Keys and secrets: a certificate authority of this appliance, one server
# certificate for its hosts, and the generated passwords. All are made once
# and kept; a certificate is renewed a month before its end.

identity_month=2592000

identity_prepare()
{
    identity_authority
    identity_server
    secret client-secret "openssl rand -hex 32"
    secret session-key "openssl rand -hex 32"
    secret valkey-password "openssl rand -hex 32"
    secret identity-key "openssl rand -hex 32"
    if [ "$issuer" = local ]; then
        user_is_new=no
        [ -s "$state/secret/demo-password" ] || user_is_new=yes
        secret demo-password "openssl rand -base64 15"
        secret keycloak-admin-password "openssl rand -base64 24"
    fi
}

# secret NAME COMMAND: one line from COMMAND, readable by the owner only.
secret()
{
    [ ! -s "$state/secret/$1" ] || return 0
    (umask 077 && $2 >"$state/secret/$1.new")
    mv "$state/secret/$1.new" "$state/secret/$1"
}

# People are told to trust it, so it can vouch for this domain only.
identity_authority()
{
    if [ -s "$state/tls/ca.pem" ] && [ -s "$state/tls/ca.key" ] &&
        openssl x509 -in "$state/tls/ca.pem" -noout \
            -ext nameConstraints 2>/dev/null |
        grep -qx " *DNS:$domain" &&
        openssl x509 -in "$state/tls/ca.pem" -noout \
            -checkend $identity_month >/dev/null; then
        return 0
    fi
    rm -f "$state/tls/server.pem"
    (umask 077 && openssl req -x509 -newkey ec -nodes -days 3650 -sha256 \
        -pkeyopt ec_paramgen_curve:P-256 \
        -subj "/CN=Azimuth appliance on $(uname -n | cut -c 1-40)" \
        -addext "basicConstraints=critical,CA:TRUE,pathlen:0" \
        -addext "keyUsage=critical,keyCertSign,cRLSign" \
        -addext "nameConstraints=critical,permitted;DNS:$domain" \
        -keyout "$state/tls/ca.key" -out "$state/tls/ca.pem" 2>/dev/null) ||
        die "openssl could not make a certificate authority in $state/tls"
    chmod 644 "$state/tls/ca.pem"
}

identity_server()
{
    names=DNS:$dashboard_host,DNS:$api_host,DNS:$keycloak_host
    if [ -s "$state/tls/server.pem" ] &&
        [ "$(cat "$state/tls/names" 2>/dev/null)" = "$names" ] &&
        openssl x509 -in "$state/tls/server.pem" -noout \
            -checkend $identity_month >/dev/null; then
        return 0
    fi
    (
        set -e
        umask 077
        cd "$state/tls"
        openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
            -subj "/CN=$api_host" -keyout server.key.new -out server.csr
        printf '%s\n' "subjectAltName=$names" \
            "basicConstraints=critical,CA:FALSE" \
            "keyUsage=critical,digitalSignature" \
            "extendedKeyUsage=serverAuth" >server.ext
        openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -sha256 \
            -set_serial "0x$(openssl rand -hex 16)" -days 820 \
            -extfile server.ext -out server.pem.new
        rm server.csr server.ext
        mv server.key.new server.key
        mv server.pem.new server.pem
        chmod 644 server.pem
        printf '%s\n' "$names" >names
    ) >"$state/log/tls.log" 2>&1 || {
        last_lines "$state/log/tls.log" 5
        die "openssl could not make the server certificate"
    }
}
