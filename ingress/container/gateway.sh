#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Starts nginx in a container. Mounted secrets are readable for their group,
# nginx wants its keys for itself: it gets copies in memory. When a secret or a
# certificate has changed they are copied again and nginx reads them anew;
# nobody is logged out by that.
set -eu
umask 077
secrets=${AZIMUTH_SECRETS:-/etc/azimuth/secret}
tls=${AZIMUTH_TLS:-/etc/azimuth/tls}
run=${AZIMUTH_RUN:-/run/azimuth}
conf=${AZIMUTH_CONF:-/etc/azimuth/gateway/nginx.conf}
every=${AZIMUTH_WATCH_SECONDS:-30}

copy()
{
    mkdir -p "$run/secret"
    for name in client-secret session-key identity-key valkey-password; do
        [ -s "$secrets/$name" ] || {
            echo "gateway: $secrets/$name is missing or empty" >&2
            return 1
        }
        cp -f "$secrets/$name" "$run/secret/$name.new"
        mv "$run/secret/$name.new" "$run/secret/$name"
    done
}

state()
{
    find -L "$secrets" "$tls" -type f -exec cat {} + 2>/dev/null | cksum
}

watch()
{
    while sleep "$every"; do
        now=$(state)
        [ "$now" != "$seen" ] || continue
        seen=$now
        # A broken certificate must not end what works.
        if copy && nginx -t -q -e stderr -c "$conf"; then
            nginx -s reload -e stderr -c "$conf"
            echo "gateway: new secrets or certificate, read" >&2
        fi
    done
}

copy
seen=$(state)
watch &
exec nginx -e stderr -c "$conf"
