# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2034,SC2154,SC2086
# Debian packages: what is missing, and how to get it without touching
# anything else. Debian 12 lacks three: yyjson and Go 1.24 (tests) come from
# Debian 13, Valkey from backports, each by a source file of its own whose pin
# keeps every other package of that suite out.

packages_build="autoconf autoconf-archive automake check gcc libc6-dev
libcurl4-openssl-dev libhiredis-dev libicu-dev libjansson-dev libjemalloc-dev
libjwt-dev libmicrohttpd-dev libnghttp2-dev libroaring-dev librocksdb-dev
libssl-dev libstemmer-dev libuv1-dev libxxhash-dev libyaml-dev libyyjson-dev
make nginx-dev pkgconf protobuf-compiler zlib1g-dev"
packages_serve="ca-certificates curl nginx openssl valkey-server valkey-tools"

# packages_missing NAME...: prints those that are not installed.
packages_missing()
{
    for package; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" \
            = installed ] || printf '%s ' "$package"
    done
}

packages_need_run()
{
    wanted="$packages_build $packages_serve"
    [ "$issuer" != local ] || {
        wanted="$wanted maven"
        java_find >/dev/null || wanted="$wanted $(packages_java)"
    }
    packages_need $wanted
}

# debian FIELD: a field of /etc/os-release.
debian()
{
    sed -n "s/^$1=\"\{0,1\}\([^\"]*\).*/\1/p" /etc/os-release
}

packages_java()
{
    if [ "$(debian VERSION_ID)" = 12 ]; then
        echo openjdk-17-jre-headless
    else
        echo openjdk-21-jre-headless
    fi
}

# packages_need NAME...: after it they are installed.
packages_need()
{
    command -v dpkg-query >/dev/null || die "this is not Debian" \
        "run it on Debian 12 or 13"
    missing=$(packages_missing "$@")
    [ -n "$missing" ] || return 0
    missing=${missing% }
    [ "$install" = yes ] || die "missing packages: $missing" \
        "apt-get install $missing (or run up without --no-install)"
    [ "$(id -u)" = 0 ] || die "missing packages: $missing" \
        "run ./appliance up once as root; it needs no root after that"
    case "$(debian ID) $(debian VERSION_ID)" in
        "debian 12" | "debian 13") ;;
        *) die "missing packages: $missing" \
            "install them; only Debian 12 and 13 are done for you" ;;
    esac
    need_space /var 1500 "installing packages"
    packages_log=$(mktemp /tmp/azimuth-packages.XXXXXX)
    step "Installing packages ($(echo $missing | wc -w))" "$packages_log" \
        packages_install $missing
    ! step_failed || {
        last_lines "$packages_log" 15
        die "apt could not install: $missing" \
            "read $packages_log; network, mirror or disk are the usual causes"
    }
    rm -f "$packages_log"
}

packages_install()
{
    set -e
    export DEBIAN_FRONTEND=noninteractive
    case " $* " in
        *" libyyjson-dev "* | *" golang-1.24-go "*)
            packages_suite 12 trixie 'libyyjson*' ;;
    esac
    case " $* " in
        *" valkey-server "*)
            packages_suite 12 bookworm-backports 'valkey-*' ;;
    esac
    apt-get -q update
    packages_services_stay_off "$@"
    trap packages_services_back EXIT
    trap 'exit 143' TERM
    apt-get -q -y --no-install-recommends -o DPkg::Lock::Timeout=300 \
        -o Dpkg::Options::=--force-confold install "$@"
}

# packages_suite RELEASE SUITE PATTERN: on Debian RELEASE, adds SUITE for the
# packages that match PATTERN. The mirror is the one this machine uses.
packages_suite()
{
    [ "$(debian VERSION_ID)" = "$1" ] || return 0
    # shellcheck disable=SC2016 # apt's own variables
    targets=$(apt-get indextargets \
        --format '$(RELEASE) $(REPO_URI) $(SIGNED_BY)' 'Identifier: Packages')
    ! printf '%s\n' "$targets" | grep -q "^$2 " || return 0
    codename=$(debian VERSION_CODENAME)
    mirror=$(printf '%s\n' "$targets" |
        awk -v c="$codename" '$1 == c { print $2; exit }')
    signed_by=$(printf '%s\n' "$targets" |
        awk -v c="$codename" '$1 == c && $3 !~ /[$]/ { print $3; exit }')
    [ -n "$mirror" ] || {
        echo "no apt source of this machine serves $codename"
        return 1
    }
    {
        printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\n' \
            "$mirror" "$2"
        [ -z "$signed_by" ] || printf 'Signed-By: %s\n' "$signed_by"
    } >"/etc/apt/sources.list.d/azimuth-$2.sources"
    # 50: below what is installed (100), so nothing moves to that suite by
    # itself; 100 for the packages that are ours, so that they get its fixes.
    cat >"/etc/apt/preferences.d/azimuth-$2" <<END
Package: *
Pin: release n=$2
Pin-Priority: 50

Package: $3
Pin: release n=$2
Pin-Priority: 100
END
}

# nginx, Valkey and Prometheus shall not be started as services of the machine:
# the appliance runs its own, tests need promtool alone. A policy-rc.d of the
# machine's owner stays.
packages_services_stay_off()
{
    services_off=
    policy_ours=no
    for service in nginx valkey-server prometheus; do
        case " $* " in
            *" $service "*) services_off="$services_off $service" ;;
        esac
    done
    [ -n "$services_off" ] && [ ! -e /usr/sbin/policy-rc.d ] || return 0
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
    chmod 755 /usr/sbin/policy-rc.d
    policy_ours=yes
}

packages_services_back()
{
    [ "$policy_ours" = no ] || rm -f /usr/sbin/policy-rc.d
    ! command -v systemctl >/dev/null || [ -z "$services_off" ] ||
        systemctl disable $services_off 2>/dev/null || :
}
