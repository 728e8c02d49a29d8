# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2034,SC2154,SC2086
# Keycloak: fetched once from Maven Central by Debian's maven, checked against
# the checksum below, built once for its database and cache, kept in the cache
# and copied (hard links where possible) into the state directory.

keycloak_version=26.7.3
keycloak_sha256=77657f30b7e90d70f727712ce1c967f430fd6a5e9f458d32d8c6df0635345f47
keycloak_build_options="--db=dev-file --cache=local --health-enabled=true"

# java_find: prints a java of version 17 or later.
java_find()
{
    for java in ${JAVA_HOME:+"$JAVA_HOME/bin/java"} java \
        /usr/lib/jvm/*/bin/java; do
        java_path=$(command -v "$java" 2>/dev/null) || continue
        version=$("$java_path" -version 2>&1 |
            sed -n 's/.* version "\([0-9]*\).*/\1/p')
        [ "${version:-0}" -ge 17 ] || continue
        printf '%s\n' "$java_path"
        return 0
    done
    return 1
}

keycloak_prepare()
{
    [ "$issuer" = local ] || return 0
    java=$(java_find) || die "Keycloak needs Java 17 or later and none is here" \
        "apt-get install $(packages_java), set JAVA_HOME, or use --issuer URL"
    keycloak_home=$state/keycloak/$keycloak_version
    keycloak_is_new=no
    [ -d "$state/keycloak/data/h2" ] || keycloak_is_new=yes
    [ ! -e "$keycloak_home/built" ] || return 0
    keycloak_archive=$cache/keycloak-$keycloak_version.tar.gz
    keycloak_checked || keycloak_fetch
    ready=$cache/keycloak-$keycloak_version-built
    if [ ! -e "$ready/built" ]; then
        step "Preparing Keycloak $keycloak_version" \
            "$state/log/keycloak-build.log" keycloak_build
        ! step_failed || {
            last_lines "$state/log/keycloak-build.log" 10
            die "Keycloak could not be prepared" \
                "read $state/log/keycloak-build.log; then run up again"
        }
    fi
    rm -rf "$keycloak_home" "$keycloak_home.new"
    cp -al "$ready" "$keycloak_home.new" 2>/dev/null || {
        rm -rf "$keycloak_home.new"
        cp -a "$ready" "$keycloak_home.new"
    }
    mv "$keycloak_home.new" "$keycloak_home"
    # Its data outlives its version.
    mkdir -p "$state/keycloak/data"
    ln -s ../data "$keycloak_home/data"
    [ -z "$owner" ] || chown "$owner:" "$state/keycloak/data"
}

keycloak_checked()
{
    [ -s "$keycloak_archive" ] &&
        echo "$keycloak_sha256  $keycloak_archive" |
        sha256sum -c --status 2>/dev/null
}

keycloak_fetch()
{
    need_space "$cache" 800 "Keycloak" "name another folder in AZIMUTH_CACHE"
    step "Fetching Keycloak $keycloak_version (176 MB)" \
        "$state/log/keycloak-fetch.log" keycloak_maven
    ! step_failed || {
        last_lines "$state/log/keycloak-fetch.log" 8
        die "Keycloak could not be fetched from Maven Central" \
            "check the network (maven reads ~/.m2/settings.xml for a proxy or
  mirror), put keycloak-$keycloak_version.tar.gz into $cache yourself,
  or use a provider that runs already: --issuer URL"
    }
    keycloak_checked || {
        rm -f "$keycloak_archive"
        die "the Keycloak archive that came is not the one that is pinned" \
            "run up again; if it stays so, the mirror cannot be trusted"
    }
}

keycloak_maven()
{
    set -e
    mvn -B -Dmaven.repo.local="$cache/maven" \
        -Dorg.slf4j.simpleLogger.log.org.apache.maven.cli.transfer=warn \
        org.apache.maven.plugins:maven-dependency-plugin:3.6.0:copy \
        -Dartifact="org.keycloak:keycloak-quarkus-dist:$keycloak_version:tar.gz" \
        -DoutputDirectory="$cache/fetched"
    mv "$cache/fetched/keycloak-quarkus-dist-$keycloak_version.tar.gz" \
        "$keycloak_archive"
    rm -rf "$cache/maven/org/keycloak" "$cache/fetched"
}

keycloak_build()
{
    set -e
    rm -rf "$ready" "$ready.new"
    mkdir -p "$ready.new"
    tar -xzf "$keycloak_archive" -C "$ready.new" --strip-components=1 \
        --no-same-owner
    # Built under its final name: the result remembers where it was built.
    mv "$ready.new" "$ready"
    JAVA=$java "$ready/bin/kc.sh" build $keycloak_build_options
    rm -rf "$ready/data"
    chmod -R a+rX "$ready"
    touch "$ready/built"
}

# The realm is imported at the first start only; Keycloak owns it after that.
keycloak_realm()
{
    [ "$keycloak_is_new" = yes ] || return 0
    (
        umask 077
        mkdir -p "$state/keycloak/data/import"
        render "$here/ingress/keycloak/realm.json.in" \
            >"$state/keycloak/data/import/azimuth-realm.json"
    )
    [ -z "$owner" ] || chown -R "$owner:" "$state/keycloak/data"
}

# The realm knows the public addresses. When another --domain or --port was
# asked for, the running Keycloak is told; the import only knew the first ones.
keycloak_follow()
{
    rm -rf "$state/keycloak/data/import"
    addresses="$keycloak_url $dashboard_url $logout_url"
    [ "$keycloak_is_new" != yes ] ||
        printf '%s\n' "$addresses" >"$state/program/keycloak-addresses"
    [ "$(cat "$state/program/keycloak-addresses" 2>/dev/null)" \
        != "$addresses" ] || return 0
    (umask 077 && keycloak_tell) >"$state/log/keycloak-tell.log" 2>&1 || {
        last_lines "$state/log/keycloak-tell.log" 5
        die "Keycloak did not take the new addresses of the dashboard" \
            "set them for client qdrant-dashboard at $keycloak_url/admin
  (user admin, password in $state/secret/keycloak-admin-password)"
    }
    printf '%s\n' "$addresses" >"$state/program/keycloak-addresses"
    say "Keycloak: told the new address of the dashboard."
}

# Secrets and the token go through standard input, not the command line.
keycloak_tell()
{
    set -e
    base=http://127.0.0.1:$keycloak_port
    token=$(printf %s "$(cat "$state/secret/keycloak-admin-password")" |
        ask -f -d client_id=admin-cli -d grant_type=password \
            -d username=admin --data-urlencode password@- \
            "$base/realms/master/protocol/openid-connect/token" |
        sed -n 's/.*"access_token":"\([^"]*\)".*/\1/p')
    client=$(keycloak_admin "clients?clientId=$provider_client" |
        sed -n 's/^\[{"id":"\([^"]*\)".*/\1/p')
    keycloak_admin "clients/$client" -X PUT -d "{
        \"clientId\": \"$provider_client\", \"rootUrl\": \"$dashboard_url\",
        \"redirectUris\": [\"$dashboard_url/oauth2/callback\"],
        \"webOrigins\": [\"$dashboard_url\"],
        \"attributes\": {\"post.logout.redirect.uris\": \"$dashboard_url/\",
            \"backchannel.logout.url\": \"$logout_url\",
            \"backchannel.logout.session.required\": \"true\"}}"
    headers=$(render "$here/ingress/keycloak/realm.json.in" | tr -d '\n' |
        sed 's/.*\("browserSecurityHeaders": {[^}]*}\).*/\1/')
    keycloak_admin "" -X PUT -d "{$headers}"
}

# keycloak_admin PATH CURL-OPTIONS...: a call to the realm's administration.
keycloak_admin()
{
    path=$1
    shift
    printf 'header = "Authorization: Bearer %s"\n' "$token" |
        ask -f --config - -H 'Content-Type: application/json' "$@" \
            "$base/admin/realms/azimuth/$path"
}

# Java by its own name instead of kc.sh, which would stay in between as a
# shell and make the pid useless. The options are kc.sh's with a small heap,
# the serial collector and only the first compiler: 340 MB, ready in 6-12 s.
# Each health request of the start would log a line that says "down".
run_keycloak()
{
    # Read only while there is no master realm yet.
    KC_BOOTSTRAP_ADMIN_USERNAME="admin"
    KC_BOOTSTRAP_ADMIN_PASSWORD=$(cat "$state/secret/keycloak-admin-password")
    export KC_BOOTSTRAP_ADMIN_USERNAME KC_BOOTSTRAP_ADMIN_PASSWORD
    factory=io.quarkus.bootstrap.forkjoin.QuarkusForkJoinWorkerThreadFactory
    exec setsid $run_as "$java" -Xms64m -Xmx256m -XX:MetaspaceSize=96M \
        -XX:MaxMetaspaceSize=256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 \
        -XX:+ExitOnOutOfMemoryError -Dfile.encoding=UTF-8 \
        -Djava.security.egd=file:/dev/urandom \
        -Djava.util.concurrent.ForkJoinPool.common.threadFactory=$factory \
        --add-opens=java.base/java.util=ALL-UNNAMED \
        --add-opens=java.base/java.util.concurrent=ALL-UNNAMED \
        --add-opens=java.base/java.security=ALL-UNNAMED \
        --add-opens=java.base/java.lang=ALL-UNNAMED \
        --enable-native-access=ALL-UNNAMED \
        -Duser.language=en -Duser.country=US \
        -Djava.util.logging.manager=org.jboss.logmanager.LogManager \
        -Dpicocli.disable.closures=true \
        -Dkc.home.dir="$keycloak_home" \
        -Djboss.server.config.dir="$keycloak_home/conf" \
        -cp "$keycloak_home/lib/quarkus-run.jar" \
        io.quarkus.bootstrap.runner.QuarkusEntryPoint \
        start --optimized --cache=local --import-realm \
        --http-enabled=true --http-host=127.0.0.1 \
        --http-port="$keycloak_port" \
        --http-management-host=127.0.0.1 \
        --http-management-port=$((keycloak_port + 1)) \
        --hostname="$keycloak_url" --proxy-headers=xforwarded \
        --proxy-trusted-addresses=127.0.0.1 \
        --log-level=info,io.smallrye.health:error
}
