# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2034,SC2154,SC2086
# The sample collection, and what `up` says at its end.

sample_collection=debian_packages

sample_load()
{
    [ "$sample" = yes ] || return 0
    # Who deletes it does not want it back.
    [ "$sample_wanted" = yes ] || [ ! -e "$state/sample-loaded" ] || return 0
    engine=http://127.0.0.1:$engine_port
    collection=$engine/collections/$sample_collection
    # The marker outlives a loading that was cut short.
    if [ -e "$state/sample-loading" ]; then
        sample_call -X DELETE "$collection"
    elif [ "$(engine_ask -o /dev/null -w '%{http_code}' "$collection")" != 404 ]; then
        touch "$state/sample-loaded"
        return 0
    fi
    touch "$state/sample-loading"
    step "Loading the sample into $sample_collection" "$state/log/sample.log" \
        sample_put
    ! step_failed || {
        last_lines "$state/log/sample.log" 5
        die "the sample could not be loaded" \
            "read $state/log/sample.log and $state/log/azimuthd.log,
  or run up with --no-sample"
    }
    touch "$state/sample-loaded"
    rm "$state/sample-loading"
}

sample_call()
{
    ask_seconds=120 engine_ask --fail-with-body -H 'Content-Type: application/json' \
        "$@" && echo
}

sample_put()
{
    set -e
    sample_call -X PUT "$collection" \
        -d '{"vectors": {"size": 384, "distance": "Cosine"}}'
    for batch in "$here"/share/sample/points-*.json.gz; do
        gzip -dc "$batch" |
            sample_call -X PUT "$collection/points?wait=true" --data-binary @-
    done
    for field in section:keyword tags:keyword installed_size_kib:integer; do
        sample_call -X PUT "$collection/index?wait=true" -d "{\"field_name\":
            \"${field%:*}\", \"field_schema\": \"${field#*:}\"}"
    done
}

up_report()
{
    if [ -z "$children_started" ] && [ -n "$children_reloaded" ]; then
        say "Azimuth is up ($(elapsed "$up_started")). Reloaded:$children_reloaded."
    elif [ -z "$children_started" ]; then
        say "Everything was up already and nothing changed" \
            "($(elapsed "$up_started"))."
    else
        say "Azimuth is up ($(elapsed "$up_started")). Started:$children_started."
    fi
    say ""
    say "  Dashboard  $dashboard_url"
    say "  API        $api_url"
    say "  Metrics    http://127.0.0.1:$status_port/metrics, and /readyz"
    say "  Rights     $state/rights.conf"
    if [ "$issuer" != local ]; then
        say "  Login      at $issuer"
    elif [ "$user_is_new" = yes ]; then
        say "  User       demo"
        say "  Password   $(cat "$state/secret/demo-password")" \
            "(shown this once; kept in $state/secret/demo-password)"
    else
        say "  User       demo (password in $state/secret/demo-password)"
    fi
    say "  Your browser should trust $state/tls/ca.pem"
    engine_damage_report || :
    [ "$sample" = yes ] || return 0
    say ""
    say "Packages that are like lighttpd, a small web server:"
    say ""
    key_line=
    if [ "$api_auth" = bearer ]; then
        key_line="
    -H \"Authorization: Bearer ACCESS-TOKEN\" \\"
    elif grep -q '^QDRANT__SERVICE__[A-Z_]*API_KEY=' "$engine_keys"; then
        key_line="
    -H \"api-key: YOUR-KEY\" \\"
    fi
    cat <<END
  curl --cacert $state/tls/ca.pem \\
    $api_url/collections/$sample_collection/points/query \\
    -H 'Content-Type: application/json' \\$key_line
    -d '{"query": 51192, "limit": 5, "with_payload": ["package", "summary"]}'
END
}
