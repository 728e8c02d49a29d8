# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2034,SC2154,SC2086
# Every test, on a build of its own with warnings as errors. What tests need
# (Python packages, playwright-core) is kept in the cache, by the hash of what
# was asked for. Ends with one line: "N passed, N failed".

check_passed=0
check_failed=0
check_retried=0

command_check()
{
    check_started=$(date +%s)
    build=${AZIMUTH_BUILD:-$here/build-check}
    issuer=local
    packages_need $packages_build $packages_serve maven \
        $(java_find >/dev/null || packages_java) $(check_packages)
    mkdir -p "$cache" "$build"
    need_space "$here" 1000 "the build"
    need_space "$cache" 1500 "what the tests need" \
        "name another folder in AZIMUTH_CACHE"
    check_log=$build/check.log
    : >"$check_log"
    export AZIMUTH_BUILD="$build" AZIMUTH_CACHE="$cache"
    check_build
    check_unit
    check_dashboard
    check_python
    check_deploy
    check_pytest
    say ""
    [ "$check_retried" = 0 ] ||
        say "$check_retried of them on the second try"
    say "$check_passed passed, $check_failed failed ($(elapsed "$check_started"))"
    [ "$check_failed" = 0 ]
}

# What tests need beyond the appliance; programs that are there may have come
# from elsewhere. Other versions of clang-format lay out differently; the Rust
# client asks for a newer compiler than Debian's own, as browsers do.
check_packages()
{
    command -v npm >/dev/null || echo nodejs npm
    command -v chromium >/dev/null || echo chromium
    command -v git >/dev/null || echo git
    command -v valgrind >/dev/null || echo valgrind
    command -v go >/dev/null || echo golang-1.24-go
    command -v cargo >/dev/null || echo rustc-web cargo-web
    command -v promtool >/dev/null || echo prometheus
    [ "$(debian VERSION_ID)" != 12 ] || echo clang-format-14
    echo python3-venv shellcheck yamllint
}

check_build()
{
    step "Building with warnings as errors" "$check_log" \
        build_all --enable-werror
    if step_failed; then
        last_lines "$check_log" 30
        die "the build failed" "read $check_log"
    fi
}

# check_count PASSED FAILED NAME LOG: adds to the totals, shows what failed.
check_count()
{
    check_passed=$((check_passed + $1))
    check_failed=$((check_failed + $2))
    say "  $3: $1 passed, $2 failed"
    [ "$2" = 0 ] || say "  read $4"
}

check_unit()
{
    unit_log=$build/check-unit.log
    : >"$unit_log"
    step "Unit tests and guards" "$unit_log" \
        make -s -k -C "$build" -j"$(nproc)" check
    passed=$(sed -n 's/^# PASS: *//p' "$unit_log" | tail -n 1)
    failed=$(sed -n 's/^# FAIL: *//p' "$unit_log" | tail -n 1)
    errors=$(sed -n 's/^# ERROR: *//p' "$unit_log" | tail -n 1)
    failed=$((${failed:-0} + ${errors:-0}))
    if step_failed; then
        [ "$failed" != 0 ] || failed=1
        grep -E '^(FAIL|ERROR|XPASS)|[Ee]rror:' "$unit_log" | head -n 40
    fi
    check_count "${passed:-0}" "$failed" "unit" "$unit_log"
}

check_dashboard()
{
    page_log=$build/check-dashboard.log
    : >"$page_log"
    step "Dashboard: tests, and dist is what its sources build" "$page_log" \
        "$here/dashboard/check.sh"
    if step_failed; then
        last_lines "$page_log" 20
        check_count 0 1 "dashboard" "$page_log"
    else
        check_count 1 0 "dashboard" "$page_log"
    fi
}

check_python()
{
    venv=$cache/python-$(sha256sum <"$here/tests/requirements.txt" |
        cut -c 1-16)
    [ ! -e "$venv/ready" ] || return 0
    step "Installing the Python packages of the tests" "$check_log" \
        check_venv
    step_failed || return 0
    last_lines "$check_log" 10
    die "the Python packages could not be installed" \
        "check the network (pip reads PIP_INDEX_URL, PIP_CERT), then again"
}

check_venv()
{
    set -e
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check \
        -r "$here/tests/requirements.txt"
    touch "$venv/ready"
}

# helm and kubeconform, built once: minutes. Where that fails tests/deploy says
# why; the other suites do not need them.
check_deploy()
{
    PYTHON=$venv/bin/python
    export PYTHON
    step_quiet=5
    step "Building helm and kubeconform for the tests" "$check_log" \
        "$here/tests/deploy/tools.sh"
    step_quiet=0
    ! step_failed || last_lines "$check_log" 5
}

# The suite that is one process of Python for minutes, without servers: it runs
# beside the others.
check_beside=ansible

# One run of pytest for each folder: a suite that cannot start does not take
# the others with it, and each says how long it took.
check_pytest()
{
    check_begin_beside
    for suite in "$here"/tests/*/; do
        suite=$(basename "$suite")
        [ "$suite" != "$check_beside" ] || continue
        [ -n "$(find "$here/tests/$suite" -name 'test_*.py')" ] || continue
        suite_log=$build/check-$suite.log
        : >"$suite_log"
        step "Tests: $suite" "$suite_log" check_suite "$suite"
        check_judge
    done
    suite=$check_beside
    suite_log=$build/check-$suite.log
    step "Tests: $suite, begun beside the others" "$suite_log" check_end_beside
    check_judge
}

check_begin_beside()
{
    rm -f "$build/check-$check_beside.status"
    (
        status=0
        check_suite "$check_beside" || status=$?
        echo "$status" >"$build/check-$check_beside.status"
    ) </dev/null >"$build/check-$check_beside.log" 2>&1 9>&- &
    beside_pid=$!
}

check_end_beside()
{
    while kill -0 "$beside_pid" 2>/dev/null; do
        sleep 1
    done
    return "$(cat "$build/check-$check_beside.status")"
}

check_judge()
{
    check_tallies "$suite_log"
    if step_failed && [ "$failed" = 0 ]; then
        failed=1
        last_lines "$suite_log" 15
    fi
    check_say_why "$suite_log"
    [ "$failed" = 0 ] || check_again
    check_count "$passed" "$failed" "$suite" "$suite_log"
}

check_suite()
{
    cd "$here"
    "$venv/bin/python" -m pytest -q -ra --color=no -o addopts= \
        -o cache_dir="$build/check-$1.cache" ${2:-} "tests/$1"
}

# A machine that others use can make one test late: up to three over the whole
# check may pass on the second try, by themselves. They are named as such.
check_again()
{
    [ "$((check_retried + failed))" -le 3 ] || return 0
    first_passed=$passed first_failed=$failed
    again_log=$build/check-$suite-again.log
    : >"$again_log"
    step "Tests: $suite, what failed, once more" "$again_log" \
        check_suite "$suite" "--last-failed --last-failed-no-failures none"
    check_tallies "$again_log"
    if step_failed || [ "$passed" != "$first_failed" ]; then
        check_say_why "$again_log"
        passed=$first_passed failed=$first_failed
        return 0
    fi
    check_retried=$((check_retried + first_failed))
    passed=$((first_passed + first_failed))
    say "  passed on the second try: $first_failed; read $suite_log"
}

# What pytest counted: sets passed and failed.
check_tallies()
{
    tally=$(grep -E '^(=+ )?.*(passed|failed|error|no tests ran)' "$1" |
        tail -n 1)
    passed=$(check_tally passed "$tally")
    failed=$(($(check_tally failed "$tally") + \
        $(check_tally 'errors\{0,1\}' "$tally")))
}

check_say_why()
{
    grep -E '^(FAILED|ERROR)' "$1" | cut -c 1-200 | head -n 20 || :
    grep -E '^E  ' "$1" | cut -c 1-200 | head -n 20 || :
}

# check_tally WORD LINE: the number in front of WORD, or 0.
check_tally()
{
    number=$(printf '%s\n' "$2" | sed -n "s/.*[^0-9]\([0-9][0-9]*\) $1.*/\1/p;
        s/^\([0-9][0-9]*\) $1.*/\1/p" | head -n 1)
    echo "${number:-0}"
}

# ---- bench ---------------------------------------------------------------
command_bench()
{
    [ $# -gt 0 ] || {
        say "Programs of bench/:"
        say "  $(bench_names)"
        return 0
    }
    name=$1
    shift
    case $name in -*) usage_error "bench: the NAME comes first; there are \
$(bench_names)" ;; esac
    [ -e "$here/bench/$name.py" ] || usage_error \
        "there is no bench/$name.py; there are $(bench_names)"
    for argument; do
        case $argument in -h | --help) bench_help && return 0 ;; esac
    done
    bench_parse "$@"
    issuer=local
    packages_need $packages_build $packages_serve python3-venv
    mkdir -p "$cache"
    check_log=$cache/bench.log
    : >"$check_log"
    step "Building" "$check_log" bench_build
    ! step_failed || {
        last_lines "$check_log" 20
        die "the build failed" "read $check_log"
    }
    export AZIMUTH_BUILD="$build" AZIMUTH_CACHE="$cache"
    # A shell script of that name prepares the program's surroundings.
    if [ -e "$here/bench/$name.sh" ]; then
        check_python
        packages_need wrk
        export PYTHON="$venv/bin/python"
        exec sh "$here/bench/$name.sh" "$@"
    fi
    requirements=$here/bench/requirements.txt
    venv=$cache/bench-$(sha256sum <"$requirements" | cut -c 1-16)
    bench_venv
    exec "$venv/bin/python" "$here/bench/$name.py" "$@"
}

# Refuses wrong options before anything is built.
bench_parse()
{
    [ ! -e "$here/bench/$name.sh" ] || return 0
    command -v python3 >/dev/null || return 0
    PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$here/bench" python3 -c \
        "import $name; $name.parse_arguments()" "$@" || exit 2
}

bench_names()
{
    for program in "$here"/bench/*.py; do
        printf '%s ' "$(basename "$program" .py)"
    done
}

# Options are known without anything built or installed but Python.
bench_help()
{
    if [ -e "$here/bench/$name.sh" ]; then
        sed -n '3,/^[^#]/s/^# \{0,1\}//p' "$here/bench/$name.sh"
    else
        PYTHONDONTWRITEBYTECODE=1 python3 "$here/bench/$name.py" --help
    fi
}

bench_build()
{
    set -e
    build_all
    make -s -C "$build" bench/azimuth-bench bench/stub-provider
}

bench_venv()
{
    [ ! -e "$venv/ready" ] || return 0
    step "Installing the Python packages of bench/" "$check_log" bench_install
    ! step_failed || {
        last_lines "$check_log" 10
        die "the Python packages could not be installed" "read $check_log"
    }
}

bench_install()
{
    set -e
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check \
        -r "$requirements"
    touch "$venv/ready"
}
