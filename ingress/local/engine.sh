# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2034,SC2154,SC2086
# The engine's own keys (QDRANT__...), which are remembered, so that a later
# `up` does not open an API that had a key; and what it says about itself. They
# may be secrets: they stand in files of mode 0600, never on a command line.

engine_names()
{
    env | sed -n 's/^\(QDRANT__[A-Za-z0-9_]*\)=.*/\1/p'
}

# Those given now over those remembered; one given empty is forgotten. Only the
# engine gets them.
engine_keys_prepare()
{
    engine_keys=$state/secret/engine-environment
    engine_keys_mend
    (umask 077 && : >"$engine_keys.new")
    names=$(engine_names | tr '\n' ' ')
    case " $names" in
        *" QDRANT__SERVICE__HTTP_PORT "*)
            rm "$engine_keys.new"
            die "QDRANT__SERVICE__HTTP_PORT: the others would look for the \
engine on $engine_port" "use --engine-port N" ;;
    esac
    if [ "$forget" = no ] && [ -e "$engine_keys" ]; then
        while IFS= read -r line; do
            case " $names" in
                *" ${line%%=*} "*) ;;
                *) printf '%s\n' "$line" ;;
            esac
        done <"$engine_keys" >>"$engine_keys.new"
    fi
    for name in $names; do
        eval "value=\${$name-}"
        case $value in
            '') ;;
            *"
"*) die "$name has more than one line" ;;
            *) printf '%s=%s\n' "$name" "$value" >>"$engine_keys.new" ;;
        esac
        unset "$name"
    done
}

# A gateway that asks for a key leaves it to the engine which one is good.
engine_keys_suit()
{
    case $api_auth in
        key | key_or_bearer) ;;
        *) return 0 ;;
    esac
    grep -q '^QDRANT__SERVICE__[A-Z_]*API_KEY=' "$engine_keys.new" || die \
        "--api-auth $api_auth: the engine has no key and would take any" \
        "QDRANT__SERVICE__API_KEY=KEY ./appliance up, or --api-auth bearer"
}

# Those that the engine did not come up with are not remembered: what it last
# came up with stands beside. A key of the API is kept in any case, lest the
# next `up` opens it.
engine_keys_mend()
{
    [ -e "$engine_keys.before" ] && [ -e "$engine_keys.tried" ] || return 0
    (umask 077 && {
        grep -v '^QDRANT__SERVICE__[A-Z_]*API_KEY=' "$engine_keys.before"
        grep '^QDRANT__SERVICE__[A-Z_]*API_KEY=' "$engine_keys"
    } >"$engine_keys.mended") || :
    cmp -s "$engine_keys.mended" "$engine_keys" || say \
        "The engine did not start with the keys given last time: forgotten."
    mv "$engine_keys.mended" "$engine_keys"
    rm -f "$engine_keys.tried"
}

# The engine is about to be started with them; and it came up.
engine_keys_try()
{
    : >"$engine_keys.tried"
}

# What would not start does not end the one that runs.
engine_check()
{
    engine_keys_try
    said=$(
        engine_keys_export
        "$state/program/azimuthd" --config-path "$state/program/azimuthd.yaml" \
            --check-config 2>&1
    ) || die "$said" "azimuthd goes on as it was; correct the key, then again"
}

engine_keys_work()
{
    rm -f "$engine_keys.before" "$engine_keys.tried"
}

engine_keys_save()
{
    [ -e "$engine_keys.before" ] || (umask 077 &&
        cat "$engine_keys" >"$engine_keys.before" 2>/dev/null) || :
    mv "$engine_keys.new" "$engine_keys"
    engine_header_write
}

engine_header_write()
{
    # As curl reads a header, for what `up` and `status` ask.
    (umask 077 && sed -n 's/^QDRANT__SERVICE__API_KEY=/api-key: /p' \
        "$engine_keys" >"$state/secret/engine-header.new")
    mv "$state/secret/engine-header.new" "$state/secret/engine-header"
}

engine_keys_export()
{
    while IFS= read -r line; do
        export "${line?}"
    done <"$state/secret/engine-environment"
}

engine_keys_report()
{
    names=$(sed 's/=.*//' "$engine_keys" | sort)
    [ -z "$names" ] || say "The engine's keys in force:" $names \
        "(remembered; --forget-keys forgets them)."
}

# engine_ask ARGUMENTS OF CURL: with the API key, if there is one.
engine_ask()
{
    if [ -s "$state/secret/engine-header" ]; then
        ask -H "@$state/secret/engine-header" "$@"
    else
        ask "$@"
    fi
}

# Prints a line for each collection that is damaged and not served: its name
# and its folder. Names are printed as JSON writes them.
engine_damaged()
{
    engine_ask "http://127.0.0.1:$engine_port/telemetry" |
        sed -n 's/.*"damaged":\[\(.*\)/\1/p' | sed 's/{"name":/\n&/g' |
        sed -n 's/^{"name":"\(.*\)","folder":"\([^"]*\)",.*/\1 in \2/p'
}

# Fails if there are any.
engine_damage_report()
{
    damaged=$(engine_damaged)
    [ -n "$damaged" ] || return 0
    say "Damaged and not served; the cause is in $state/log/azimuthd.log:"
    printf '%s\n' "$damaged" | sed 's/^/  /'
    say "  what to do: down, put the folder back from a backup, up; or DELETE" \
        "the collection"
    return 1
}
