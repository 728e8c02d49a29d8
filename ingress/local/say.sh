# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2034,SC2154,SC2086
# What the user reads: lines, errors with a way out, and long steps with
# elapsed time.

say()
{
    printf '%s\n' "$*"
}

# die WHAT [WHAT TO DO]
die()
{
    printf 'appliance: %s\n' "$1" >&2
    [ $# -lt 2 ] || printf '  what to do: %s\n' "$2" >&2
    exit 1
}

elapsed()
{
    printf '%s s' "$(($(date +%s) - $1))"
}

step_pid=
beside_pid= # runs beside the steps
step_stop()
{
    for step_one in $step_pid $beside_pid; do
        kill "$step_one" 2>/dev/null || :
    done
    exit 130
}
trap step_stop INT TERM

# step TEXT LOG COMMAND...: runs a long command with its output in LOG and
# says what goes on: a counter on a terminal, a line each half minute
# elsewhere. step_failed says how it ended, so that the command does not run
# as a condition, where `set -e` is off; the caller explains a failure. With
# step_quiet=SECONDS a command that ends well within them is not spoken of.
step_quiet=0
step()
{
    step_text=$1
    step_log=$2
    shift 2
    step_from=$(date +%s)
    step_told=
    [ -t 1 ] || [ "$step_quiet" != 0 ] || step_tell
    "$@" </dev/null >>"$step_log" 2>&1 9>&- &
    step_pid=$!
    while kill -0 "$step_pid" 2>/dev/null; do
        step_now=$(date +%s)
        if [ $((step_now - step_from)) -lt "$step_quiet" ]; then
            :
        elif [ -t 1 ]; then
            step_told=$step_now
            printf '\r%s ... %s s ' "$step_text" $((step_now - step_from))
        elif [ -z "$step_told" ]; then
            step_tell
        elif [ $((step_now - step_told)) -ge 30 ]; then
            step_told=$step_now
            printf '%s ... still at it after %s s\n' "$step_text" \
                $((step_now - step_from))
        fi
        sleep 0.3
    done
    step_status=0
    wait "$step_pid" || step_status=$?
    step_pid=
    step_end="done"
    [ "$step_status" = 0 ] || step_end=FAILED
    [ -n "$step_told" ] || [ "$step_status" != 0 ] || [ "$step_quiet" = 0 ] ||
        return 0
    [ ! -t 1 ] || printf '\r'
    printf '%s: %s (%s)\n' "$step_text" "$step_end" "$(elapsed "$step_from")"
}

step_tell()
{
    step_told=$(date +%s)
    printf '%s ...\n' "$step_text"
}

step_failed()
{
    [ "$step_status" != 0 ]
}

# last_lines FILE COUNT: indented, so that it is seen as a quotation.
last_lines()
{
    [ ! -s "$1" ] || tail -n "$2" "$1" | cut -c 1-300 | sed 's/^/    /' >&2
}
