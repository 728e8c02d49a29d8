# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2034,SC2154,SC2086
# Who may do what in the engine: the key with which the gateway signs who
# asks, and the file of rights, which belongs to the administrator.

# The engine gets a copy of the key that it can read as its own user, and keeps
# its audit log beside it.
rights_prepare()
{
    folder=$state/engine
    mkdir -p "$folder"
    chmod 700 "$folder"
    cmp -s "$state/secret/identity-key" "$folder/identity-key" || {
        (umask 077 && cp "$state/secret/identity-key" "$folder/identity-key.new")
        mv "$folder/identity-key.new" "$folder/identity-key"
    }
    [ ! -e "$folder/audit.log" ] ||
        [ "$(wc -c <"$folder/audit.log")" -lt 10000000 ] ||
        mv "$folder/audit.log" "$folder/audit.log.1"
    [ -z "$owner" ] || chown -R "$owner:" "$folder"
    rights_file
}

# Written when it is not there, or when it still is what another issuer's
# default was.
rights_file()
{
    file=$state/rights.conf
    case $issuer in
        local) other=elsewhere ;;
        *) other=local ;;
    esac
    [ ! -e "$file" ] || [ "$(cat "$file")" = "$(rights_default "$other")" ] ||
        return 0
    # A state of a version that knew no rights.
    [ -e "$file" ] || [ "$settings_had" = no ] || {
        say "New: who may do what stands in $file."
        [ "$issuer" != local ] ||
            say "Only users with the role azimuth-read or azimuth-manage" \
                "have any right."
    }
    keep_text "$file" "$(rights_default "$issuer")"
}

rights_default()
{
    cat <<'END'
# Who may do what in the engine. This file is yours: change it, then run
# ./appliance up. Lines add up; who fits none has no right.
#   azimuth_map role=NAME|group=NAME|any read|write|manage COLLECTION...;
# COLLECTION is a name or its beginning and a *, alone for all of them.
#   read    search, look at points
#   write   and change points and their payload
#   manage  and make, change and delete collections and indexes
# For example: azimuth_map group=team-a manage team-a-*;
#              azimuth_map any          read   public-*;
END
    case $1 in
        local) cat <<'END' ;;
# The realm's roles. The user demo has azimuth-manage.
azimuth_map role=azimuth-manage manage *;
azimuth_map role=azimuth-read   read   *;
END
        *) cat <<'END' ;;
azimuth_map any manage *;
END
    esac
}
