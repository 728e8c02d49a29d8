#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# One user, for the gateway, with what a session needs; everybody else may ask
# whether it runs. The password stands in no argument.
set -eu
umask 077
password=$(head -n 1 /etc/azimuth/secret/valkey-password)
[ -n "$password" ] || {
    echo "the secret's valkey-password is empty" >&2
    exit 1
}
cat >/run/valkey/users.acl <<END
user default on nopass -@all +ping
user azimuth on >$password ~azimuth:* &azimuth:* -@all +get +getex +set +eval +del +hset +hgetall +hdel +expire +publish +subscribe +ping +role +select +auth
END
exec valkey-server /etc/valkey/valkey.conf
