# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2034,SC2154,SC2086
# The four programs: configuration, start, health, stop. Each has a pid file
# "PID BIRTH" and a stamp of what it was started with; a child that lives and
# whose stamp is current is left alone.

sessions_end="Valkey keeps sessions in memory only: people log in again."

children_list()
{
    if [ "$issuer" = local ]; then
        echo valkey azimuthd keycloak nginx
    else
        echo valkey azimuthd nginx
    fi
}

# render TEMPLATE: prints it with the @NAME@ filled in. The values reach sed by
# its standard input, so that no secret stands on a command line.
render()
{
    sed -f - "$1" <<END
s|@STATE@|$state|g
s|@DOMAIN@|$domain|g
s|@LISTEN@|$listen|g
s|@LOCAL@|$nginx_address|g
s|@PORT@|$port|g
s|@AT_PORT@|$at_port|g
s|@DASHBOARD_HOST@|$dashboard_host|g
s|@API_HOST@|$api_host|g
s|@KEYCLOAK_HOST@|$keycloak_host|g
s|@DASHBOARD_URL@|$dashboard_url|g
s|@LOGOUT_URL@|$logout_url|g
s|@ENGINE_PORT@|$engine_port|g
s|@GRPC_PORT@|$grpc_port|g
s|@KEYCLOAK_PORT@|$keycloak_port|g
s|@STATUS_PORT@|$status_port|g
s|@API_GATE@|$api_gate|g
s|@CLIENT_ID@|$provider_client|g
s|@CLIENT_SECRET_FILE@|$provider_secret|g
s|@CLIENT_SECRET@|$(cat "$state/secret/client-secret")|g
s|@DEMO_PASSWORD@|$(cat "$state/secret/demo-password" 2>/dev/null)|g
s|@VALKEY_HASH@|#$(tr -d '\n' <"$state/secret/valkey-password" |
        sha256sum | cut -d ' ' -f 1)|g
s|@ISSUER@|$issuer_url|g
s|@USER_LINE@|$user_line|g
s|@HTTP2_LISTEN@|$http2_listen|g
s|@HTTP2@|$http2|g
s|@IF_TRUST@|$if_trust|g
s|@TRUST@|$trust|g
s|@IF_KEYCLOAK@|$if_keycloak|g
s|@IF_LOOPBACK@|$if_loopback|g
END
}

# Values of the templates that depend on the machine. A line that starts with
# @IF_...@ becomes a comment when it does not apply.
children_values()
{
    if_keycloak='# '
    if_trust='# '
    if_loopback='# '
    trust=$issuer_ca
    issuer_url=$issuer
    [ -z "$issuer_ca" ] || if_trust=
    case $issuer in http://*) if_loopback= ;; esac
    if [ "$issuer" = local ]; then
        issuer_url=$keycloak_url/realms/azimuth
        trust=$state/tls/ca.pem
        if_keycloak=
        if_trust=
    fi
    user_line=
    [ "$(id -u)" != 0 ] || user_line="user ${owner:-root};"
    # nginx 1.25.1 made http2 a directive of its own.
    http2='http2 on;'
    http2_listen=
    nginx_version=$("$(nginx_path)" -v 2>&1 | sed 's|.*/\([0-9.]*\).*|\1|')
    if [ "$(printf '%s\n' 1.25.1 "$nginx_version" | sort -V | head -n 1)" \
        != 1.25.1 ]; then
        http2=
        http2_listen=' http2'
    fi
}

nginx_path()
{
    command -v nginx || echo /usr/sbin/nginx
}

children_configure()
{
    children_values
    [ "$issuer" = local ] || {
        (umask 077 && cp "$client_secret_file" "$provider_secret")
    }
    [ "$issuer" != local ] || keycloak_realm
    mkdir -p "$state/nginx/temp"
    [ -z "$owner" ] || chown "$owner:" "$state/nginx/temp"
    for file in nginx.conf ui.conf api.conf keycloak.conf tls.conf proxy.conf; do
        keep_text "$state/program/$file" \
            "$(render "$here/ingress/nginx/$file.in")"
    done
    keep_text "$state/program/azimuthd.yaml" \
        "$(render "$here/ingress/local/azimuthd.yaml.in")"
    keep_text "$state/program/valkey.conf" \
        "$(render "$here/ingress/local/valkey.conf.in")"
    "$(nginx_path)" -t -q -e stderr -p "$state/nginx/" \
        -c "$state/program/nginx.conf" >"$state/log/nginx-test.log" 2>&1 || {
        last_lines "$state/log/nginx-test.log" 5
        die "nginx refuses its configuration" \
            "mend the file and line above; $state/program is made by up itself,
  rights.conf is yours"
    }
    # What widens who gets in: a rights.conf without a line, for one.
    sed -n 's/.*\[warn\] [0-9#]*: \(azimuth_.*\)/nginx warns: \1/p' \
        "$state/log/nginx-test.log"
}

keep_text()
{
    [ "$(cat "$1" 2>/dev/null)" != "$2" ] || return 0
    printf '%s\n' "$2" >"$1.new"
    mv "$1.new" "$1"
}

# ---- what each child is started with ------------------------------------
run_valkey()
{
    exec setsid $run_as valkey-server "$state/program/valkey.conf"
}

run_azimuthd()
{
    engine_keys_export
    exec setsid $run_as "$state/program/azimuthd" \
        --config-path "$state/program/azimuthd.yaml"
}

# As root nginx reads the keys and gives its workers to the user azimuth.
run_nginx()
{
    exec setsid "$(nginx_path)" -e stderr -p "$state/nginx/" \
        -c "$state/program/nginx.conf"
}

# child_files NAME: the files whose change asks for a restart.
child_files()
{
    case $1 in
        valkey) echo "$state/program/valkey.conf" ;;
        azimuthd) echo "$state/program/azimuthd $state/program/azimuthd.yaml" \
            "$state/secret/engine-environment $state/engine/identity-key" ;;
        keycloak) echo "$here/ingress/local/keycloak.sh" ;;
        nginx) echo "$state/program/ngx_http_azimuth_module.so" \
            "$state/program/*.conf $state/tls/server.pem $state/tls/ca.pem" \
            "$provider_secret $state/secret/session-key" \
            "$state/secret/valkey-password" \
            "$state/secret/identity-key $state/rights.conf" ;;
    esac
}

child_stamp()
{
    # shellcheck disable=SC2046 # a list of files, with patterns
    {
        cat $(child_files "$1")
        [ "$1" != keycloak ] || echo "$keycloak_port $keycloak_url"
        echo "$run_as"
    } | sha256sum | cut -d ' ' -f 1
}

# What a reload cannot change: the program, and where it listens.
child_frame_stamp()
{
    {
        [ "$1" != nginx ] || cat "$state/program/ngx_http_azimuth_module.so"
        echo "$run_as $(child_ports "$1") $nginx_address $listen"
    } | sha256sum | cut -d ' ' -f 1
}

child_stamps_write()
{
    # Secrets are in the hash.
    (
        umask 077
        child_stamp "$1" >"$state/run/$1.stamp"
        child_frame_stamp "$1" >"$state/run/$1.frame"
    )
}

# nginx reads its files anew without ending a connection or a login.
child_reload()
{
    [ "$1" = nginx ] && [ "$(child_frame_stamp "$1")" = \
        "$(cat "$state/run/$1.frame" 2>/dev/null)" ] || return 1
    reload_pid=$(child_pid "$1") || return 1
    reload_old=$(child_workers "$reload_pid")
    kill -s HUP "$reload_pid" 2>/dev/null || return 1
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        for worker in $(child_workers "$reload_pid"); do
            case " $reload_old " in
                *" $worker "*) ;;
                *)
                    say "$1: its configuration or keys changed, reloaded."
                    child_stamps_write "$1"
                    return 0 ;;
            esac
        done
        sleep 0.2
    done
    return 1
}

child_workers()
{
    tr '\n' ' ' <"/proc/$1/task/$1/children" 2>/dev/null
}

child_ports()
{
    case $1 in
        azimuthd) echo "$engine_port $grpc_port" ;;
        keycloak) echo "$keycloak_port $((keycloak_port + 1))" ;;
        nginx) echo "$port $status_port" ;;
    esac
}

# child_port_option NAME NUMBER: the option that moves that port elsewhere.
child_port_option()
{
    case $1 in
        azimuthd) [ "$2" = "$engine_port" ] && echo --engine-port || echo --grpc-port ;;
        keycloak) echo --keycloak-port ;;
        nginx) [ "$2" = "$port" ] && echo --port || echo --status-port ;;
    esac
}

ask()
{
    curl --silent --noproxy '*' --max-time "${ask_seconds:-5}" "$@"
}

# As the user that nginx is; the password is not on the command line.
valkey_ask()
{
    REDISCLI_AUTH=$(cat "$state/secret/valkey-password") \
        valkey-cli -s "$state/valkey/valkey.sock" --user azimuth "$@" \
        2>/dev/null
}

child_healthy()
{
    case $1 in
        valkey) [ "$(valkey_ask ping)" = PONG ] ;;
        azimuthd) ask -f -o /dev/null "http://127.0.0.1:$engine_port/readyz" ;;
        keycloak) ask -f -o /dev/null \
            "http://127.0.0.1:$((keycloak_port + 1))/health/ready" ;;
        nginx) ask -o /dev/null --cacert "$state/tls/ca.pem" \
            --connect-to "::$nginx_address:$port" "$api_url/healthz" ;;
    esac
}

# ---- life and death ------------------------------------------------------
# child_pid NAME: prints the pid if that process is the one we started.
child_pid()
{
    [ -s "$state/run/$1.pid" ] || return 1
    read -r pid birth <"$state/run/$1.pid" || return 1
    [ -n "$pid" ] && [ "$(process_birth "$pid")" = "$birth" ] || return 1
    # A zombie of a parent that does not wait is dead, too.
    ! grep -q '^State:.Z' "/proc/$pid/status" 2>/dev/null || return 1
    printf '%s\n' "$pid"
}

# child_orphans NAME: prints the pids of nginx's workers that outlived their
# master, which was killed. They hold its ports and serve on. They are of the
# session that it led, and no later process can lead one of that number yet.
child_orphans()
{
    [ "$1" = nginx ] && [ -s "$state/run/$1.pid" ] &&
        ! child_pid "$1" >/dev/null || return 0
    read -r pid birth <"$state/run/$1.pid" || return 0
    case $(process_birth "$pid") in '' | "$birth") ;; *) return 0 ;; esac
    grep -lF "$(readlink -f -- "$state")/program/ngx_http_azimuth_module.so" \
        /proc/[0-9]*/maps 2>/dev/null | while IFS=/ read -r _ _ orphan _; do
        [ "$orphan" = "$pid" ] || [ "$(sed 's/.*) //' "/proc/$orphan/stat" \
            2>/dev/null | cut -d ' ' -f 4)" != "$pid" ] || echo "$orphan"
    done
}

child_orphans_stop()
{
    for signal in TERM KILL; do
        for _ in 1 2 3 4 5 6 7 8 9 10; do
            orphans=$(child_orphans "$1" | tr '\n' ' ')
            [ -n "$orphans" ] || return 0
            kill -s $signal $orphans 2>/dev/null || :
            sleep 0.2
        done
    done
}

child_start()
{
    child_orphans_stop "$1"
    child_log=$state/log/$1.log
    [ ! -e "$child_log" ] || [ "$(wc -c <"$child_log")" -lt 10000000 ] ||
        mv "$child_log" "$child_log.1"
    for number in $(child_ports "$1"); do
        port_free "$number" "$(child_port_option "$1" "$number")"
    done
    (
        cd /
        exec 9>&- </dev/null >>"$child_log" 2>&1
        "run_$1"
    ) &
    child=$!
    birth=$(process_birth "$child")
    printf '%s %s\n' "$child" "$birth" >"$state/run/$1.pid"
    rm -f "$state/run/$1.stamp"
}

# child_wait NAME SECONDS: until it is healthy; names a dead or mute child.
child_wait()
{
    wait_until=$(($(date +%s) + $2))
    until ask_seconds=2 child_healthy "$1"; do
        child_pid "$1" >/dev/null || {
            last_lines "$state/log/$1.log" 10
            die "$1 died while it was starting" \
                "the end of $state/log/$1.log is above"
        }
        [ "$(date +%s)" -lt "$wait_until" ] || {
            last_lines "$state/log/$1.log" 10
            die "$1 is not ready after $2 s" \
                "the end of $state/log/$1.log is above"
        }
        sleep 0.2
    done
}

# child_stop NAME: politely, then by force; the pid is checked to be ours.
child_stop()
{
    stop_pid=$(child_pid "$1") || {
        child_orphans_stop "$1"
        rm -f "$state/run/$1.pid" "$state/run/$1.stamp"
        return 0
    }
    stop_signal=TERM
    [ "$1" != nginx ] || stop_signal=QUIT
    kill -s $stop_signal "$stop_pid" 2>/dev/null || die \
        "may not stop $1 (pid $stop_pid)" "run as the user who started it"
    stop_until=$(($(date +%s) + 30))
    while child_pid "$1" >/dev/null; do
        if [ "$(date +%s)" -ge "$stop_until" ]; then
            say "$1 (pid $stop_pid) did not end within 30 s: killed."
            kill -KILL "$stop_pid" 2>/dev/null || :
            sleep 0.5
            break
        fi
        sleep 0.1
    done
    rm -f "$state/run/$1.pid" "$state/run/$1.stamp"
}

# Before anything is stopped or remembered: the ports are free, but for those
# that a running child holds already.
children_ports_free()
{
    for name in $(children_list); do
        for number in $(child_ports "$name"); do
            case $ports_had in
                *" $number "*)
                    ! child_pid "$name" >/dev/null || continue
                    [ -z "$(child_orphans "$name")" ] || continue ;;
            esac
            port_free "$number" "$(child_port_option "$name" "$number")"
        done
    done
}

children_up()
{
    children_started=
    children_reloaded=
    [ "$issuer" = local ] || child_stop keycloak
    for name in $(children_list); do
        if child_pid "$name" >/dev/null; then
            [ "$(child_stamp "$name")" != \
                "$(cat "$state/run/$name.stamp" 2>/dev/null)" ] || continue
            if child_reload "$name"; then
                children_reloaded="$children_reloaded $name"
                continue
            fi
            [ "$name" != azimuthd ] || engine_check
            say "$name: its program, configuration or keys changed, starting it anew."
            child_stop "$name"
            [ "$name" != valkey ] || say "$sessions_end"
        elif [ -e "$state/run/$name.pid" ]; then
            say "$name was not running any more; the end of its log:"
            last_lines "$state/log/$name.log" 3
        fi
        [ "$name" != azimuthd ] || engine_keys_try
        child_start "$name"
        children_started="$children_started $name"
    done
    for name in $children_started; do
        case $name in
            keycloak)
                step "Starting keycloak" "$state/log/up.log" \
                    child_wait keycloak 300
                ! step_failed || {
                    last_lines "$state/log/keycloak.log" 10
                    die "keycloak did not start" \
                        "the end of $state/log/keycloak.log is above"
                }
                ;;
            *) child_wait "$name" 60 ;;
        esac
        [ "$name" != azimuthd ] || engine_keys_work
        child_stamps_write "$name"
    done
    for name in $(children_list); do
        child_healthy "$name" || die \
            "$name (pid $(child_pid "$name" || echo -)) does not answer" \
            "read $state/log/$name.log; ./appliance down, then up, starts it anew"
    done
    engine_keys_work
    [ "$issuer" != local ] || keycloak_follow
}

children_down()
{
    stopped=
    for name in nginx keycloak azimuthd valkey; do
        [ -z "$(child_pid "$name" || child_orphans "$name")" ] ||
            stopped="$stopped $name"
        child_stop "$name"
    done
    if [ -n "$stopped" ]; then
        say "Stopped:$stopped. The data stays in $state."
        case $stopped in *valkey*) say "$sessions_end" ;; esac
    else
        say "Nothing was running in $state."
    fi
}

children_status()
{
    settings_check
    status=0
    state_option=
    [ "$state" = /var/lib/azimuth ] || state_option=" --state $state"
    printf '%-10s %-8s %-12s %s\n' PART PID PORT HEALTH
    for name in $(children_list); do
        health=ok
        if ! pid=$(child_pid "$name"); then
            pid=-
            health="DOWN: start it with ./appliance up$state_option; log: $state/log/$name.log"
            status=1
        elif ! child_healthy "$name"; then
            health="NOT ANSWERING: read $state/log/$name.log"
            status=1
        fi
        ports=$(child_ports "$name")
        printf '%-10s %-8s %-12s %s\n' "$name" "$pid" "${ports:--}" "$health"
        [ "$pid" != - ] || last_lines "$state/log/$name.log" 3
    done
    say ""
    engine_damage_report || status=1
    say "Dashboard  $dashboard_url"
    say "API        $api_url"
    say "Metrics    http://127.0.0.1:$status_port/metrics, and /readyz"
    [ "$issuer" != local ] ||
        say "User       demo, password in $state/secret/demo-password"
    return $status
}

children_logs()
{
    [ $# -gt 0 ] || set -- valkey azimuthd keycloak nginx
    for name; do
        shift
        file=$state/log/$name.log
        if [ -e "$file" ]; then
            set -- "$@" "$file"
        elif [ $# -eq 0 ]; then
            die "there is no log of '$name'" "name one of these: $(
                cd "$state/log" && echo *.log | sed 's/\.log//g')"
        fi
    done
    if [ "$follow" = yes ]; then
        exec tail -n 20 -F "$@"
    fi
    tail -n 50 "$@"
}
