# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2034,SC2154,SC2086
# The machine: settings and the state directory, disk space, ports and who
# holds them, processes, names.

remembered="domain port listen engine_port grpc_port keycloak_port"
remembered="$remembered status_port issuer client_id client_secret_file issuer_ca"
remembered="$remembered sample api_auth"

settings_load()
{
    domain=azimuth.localhost
    port=8443
    listen=127.0.0.1
    engine_port=6333
    grpc_port=6334
    keycloak_port=8480
    status_port=8444
    api_auth=open
    issuer=local
    client_id=qdrant-dashboard
    client_secret_file=
    issuer_ca=
    sample=yes
    settings_had=no
    [ ! -r "$state/settings" ] || {
        while IFS='=' read -r key value; do
            case " $remembered " in
                *" $key "*) eval "$key=\$value" ;;
            esac
        done <"$state/settings"
        settings_had=yes
    }
    ports_had=" $port $engine_port $grpc_port $keycloak_port $((keycloak_port + 1)) "
    ports_had="$ports_had$status_port "
    build=${AZIMUTH_BUILD:-$here/build}
    if [ -n "${AZIMUTH_CACHE:-}" ]; then
        cache=$AZIMUTH_CACHE
    elif [ "$(id -u)" = 0 ]; then
        cache=${XDG_CACHE_HOME:-/var/cache}/azimuth
    else
        cache=${XDG_CACHE_HOME:-$HOME/.cache}/azimuth
    fi
}

settings_print()
{
    for key in $remembered; do
        eval "printf '%s=%s\n' $key \"\$$key\""
    done
}

settings_save()
{
    settings_print >"$state/settings.new"
    mv "$state/settings.new" "$state/settings"
}

settings_check()
{
    for key in port engine_port grpc_port keycloak_port status_port; do
        eval "value=\$$key"
        # shellcheck disable=SC2154 # value is set by the eval above
        key=--$(echo "$key" | tr _ -)
        case $value in
            '' | 0* | *[!0-9]* | ??????*)
                usage_error "$key: '$value' is no port" ;;
        esac
        [ "$value" -le 65535 ] || usage_error "$key: '$value' is no port"
    done
    [ "$issuer" != local ] || [ "$keycloak_port" -le 65534 ] || usage_error \
        "--keycloak-port: the next one, $((keycloak_port + 1)), is no port"
    settings_ports_differ
    case $domain in
        '' | .* | *. | -* | *..* | *.-* | *[!A-Za-z0-9._-]*)
            usage_error "--domain: '$domain' is no domain" ;;
    esac
    case $client_id in
        '' | *[!A-Za-z0-9._-]*) usage_error "--client-id: '$client_id' has \
characters other than A-Z a-z 0-9 . _ -" ;;
    esac
    printf '%s\n' "$listen" |
        awk -F . '{ for (i = 1; i <= NF; i++) bad += $i == "" || $i > 255
            exit bad || NF != 4 }' ||
        usage_error "--listen: '$listen' is no IPv4 address"
    case $listen in
        '' | *[!0-9.]*) usage_error "--listen: '$listen' is no IPv4 address" ;;
        0.0.0.0) nginx_address=127.0.0.1 ;;
        *) nginx_address=$listen ;;
    esac
    case $api_auth in
        open | key) api_gate=$api_auth ;;
        bearer | key_or_bearer) api_gate="$api_auth login" ;;
        *) usage_error "--api-auth: '$api_auth' is none of open, key, \
bearer and key_or_bearer" ;;
    esac
    dashboard_host=qdrant-dashboard.$domain
    api_host=qdrant.$domain
    keycloak_host=keycloak.$domain
    at_port=:$port
    [ "$port" != 443 ] || at_port=
    dashboard_url=https://$dashboard_host$at_port
    api_url=https://$api_host$at_port
    keycloak_url=https://$keycloak_host$at_port
    logout_url=http://127.0.0.2:$port/oauth2/backchannel_logout
    provider_client=qdrant-dashboard
    provider_secret=$state/secret/client-secret
    [ "$issuer" != local ] || return 0
    provider_client=$client_id
    provider_secret=$state/secret/provider-secret
    case $issuer in
        *[!A-Za-z0-9._~:/%-]*) usage_error "--issuer: '$issuer' is no URL" ;;
        https://?* | http://127.0.0.1* | http://localhost*) ;;
        *) usage_error "--issuer must be an https URL" ;;
    esac
    [ -n "$client_secret_file" ] ||
        usage_error "--issuer needs --client-secret-file FILE"
    for value in "$client_secret_file" ${issuer_ca:+"$issuer_ca"}; do
        [ -r "$value" ] || die "cannot read $value" "check the path and mode"
    done
    [ -n "$(head -n 1 "$client_secret_file")" ] || die \
        "the first line of $client_secret_file is empty" \
        "write the client's secret there"
}

# No two parts may be given one port.
settings_ports_differ()
{
    ports_all="$port $engine_port $grpc_port $status_port"
    [ "$issuer" != local ] ||
        ports_all="$ports_all $keycloak_port $((keycloak_port + 1))"
    # shellcheck disable=SC2086 # a list of numbers
    twice=$(printf '%s\n' $ports_all | sort | uniq -d | head -n 1)
    [ -z "$twice" ] || usage_error "port $twice is given to two parts \
(https $port, status $status_port, REST $engine_port, gRPC $grpc_port, \
Keycloak $keycloak_port and the next)"
}

# The state directory, its folders, and who the children run as. Started by
# root they run as the system user `azimuth`, if that user can get there.
state_prepare()
{
    mkdir -p "$state" 2>/dev/null || :
    [ -w "$state" ] || die "cannot write to the state directory $state" \
        "run as root, or choose a folder of yours with --state DIR"
    state=$(readlink -f -- "$state")
    # The path of a Unix socket holds 107 bytes.
    [ ${#state} -le 80 ] || die "the path $state is longer than 80 bytes" \
        "choose a shorter one with --state DIR"
    case $state in
        *[!A-Za-z0-9._/@+-]*) die \
            "the path $state has characters other than A-Z a-z 0-9 . _ / @ + -" \
            "choose another one with --state DIR" ;;
    esac
    run_as=
    owner=
    if [ "$(id -u)" = 0 ]; then
        id azimuth >/dev/null 2>&1 ||
            useradd --system --no-create-home --home-dir /nonexistent \
                --shell /usr/sbin/nologin azimuth
        run_as="setpriv --reuid azimuth --regid azimuth --init-groups"
        chmod 755 "$state"
        if $run_as test -x "$state"; then
            owner=azimuth
        else
            run_as=
            [ "$settings_had" = yes ] || say \
                "The user azimuth cannot enter $state: everything runs as root."
        fi
    fi
    for folder in run log program tls secret; do
        mkdir -p "$state/$folder"
    done
    for folder in storage snapshots valkey nginx keycloak; do
        mkdir -p "$state/$folder"
        chmod 700 "$state/$folder"
        [ -z "$owner" ] || chown "$owner:" "$state/$folder"
    done
    chmod 700 "$state/secret"
    chmod 750 "$state/log"
    mkdir -p "$cache" 2>/dev/null || die "cannot write to $cache" \
        "name a folder of yours in AZIMUTH_CACHE"
}

# state_refused WHAT: this user cannot do that to the state directory.
state_refused()
{
    state_user=$(stat -c %U "$state")
    [ "$state_user" = root ] || state_user="$state_user, or as root"
    die "cannot $1" "run as $state_user"
}

# state_readable FOLDER: only its user and root see what is in there.
state_readable()
{
    if [ ! -r "$state/$1" ] || [ ! -x "$state/$1" ]; then
        state_refused "read $state/$1"
    fi
}

state_lock()
{
    (: >>"$state/lock") 2>/dev/null || state_refused "write to $state"
    exec 9>"$state/lock"
    flock -n 9 || die "another ./appliance works on $state" \
        "wait until it ends, or choose another folder with --state DIR"
}

free_mib()
{
    df -Pk -- "$1" | awk 'NR == 2 { print int($4 / 1024) }'
}

# need_space FOLDER MIB WHAT
need_space()
{
    space=$(free_mib "$1")
    [ "$space" -ge "$2" ] || die \
        "no disk space: $3 needs $2 MiB in $1 and $space MiB are free" \
        "free some space there${4:+, or $4}"
}

# What is installed is started again on a disk that is nearly full, too: how
# else would anybody look at the data and delete some.
disk_check()
{
    elsewhere="choose another folder with --state DIR"
    [ -e "$state/keycloak/$keycloak_version/built" ] || [ "$issuer" != local ] ||
        need_space "$state" 600 "Keycloak" "$elsewhere"
    if [ "$settings_had" = no ]; then
        need_space "$state" 200 "the data" "$elsewhere"
    else
        need_space "$state" 20 "a start"
        [ "$space" -ge 200 ] ||
            say "Little disk space: $space MiB are free in $state."
    fi
    [ -x "$build/azimuthd" ] || need_space "$here" 300 "the build"
}

# port_holder PORT: prints who listens on it; prints nothing when it is free.
port_holder()
{
    hex=$(printf ':%04X' "$1")
    inode=$(cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |
        awk -v p="$hex\$" '$4 == "0A" && $2 ~ p { print $10; exit }')
    [ -n "$inode" ] || return 0
    holder=$(find /proc/[0-9]*/fd -lname "socket:\[$inode\]" 2>/dev/null |
        head -n 1 | cut -d / -f 3)
    if [ -n "$holder" ]; then
        printf '%s (pid %s)\n' "$(cat "/proc/$holder/comm")" "$holder"
    else
        echo "a process of another user"
    fi
}

# port_free PORT OPTION: stops with the holder's name if it is taken. A process
# that was killed may hold its port a moment longer than its pid.
port_free()
{
    taken_by=$(port_holder "$1")
    for _ in 1 2 3 4 5; do
        [ -n "$taken_by" ] || break
        sleep 0.2
        taken_by=$(port_holder "$1")
    done
    [ -z "$taken_by" ] || die "port $1 is in use by $taken_by" \
        "stop that process, or choose another port with $2 N"
}

# process_birth PID: a number that tells it from a later process of that pid.
process_birth()
{
    sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 20
}

# Puts the host names into /etc/hosts if nothing else resolves them.
names_resolve()
{
    unresolved=
    for name in "$dashboard_host" "$api_host" "$keycloak_host"; do
        getent hosts "$name" >/dev/null || unresolved="$unresolved $name"
    done
    [ -n "$unresolved" ] || return 0
    if [ "$(id -u)" = 0 ]; then
        [ -e /etc/hosts ] || printf '127.0.0.1 localhost\n' >/etc/hosts
        printf '127.0.0.1%s # azimuth\n' "$unresolved" >>/etc/hosts
        say "Added to /etc/hosts:$unresolved"
    else
        case $domain in
            localhost | *.localhost) ;; # browsers and curl know these
            *) say "Not resolved on this machine:$unresolved" ;;
        esac
    fi
}
