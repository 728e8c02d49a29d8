#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes the plain manifests from the chart. A test fails where they are others.
# usage: generate.sh [FOLDER]    (helm: $HELM, else that of PATH)
set -eu
here=$(cd "$(dirname -- "$0")" && pwd)
out=${1:-$here/manifests}

# part NAME TEMPLATE...: the templates as one file, without Helm's own marks.
part()
{
    name=$1
    shift
    only=
    for template; do
        only="$only --show-only templates/$template.yaml"
    done
    # shellcheck disable=SC2086 # words by construction
    "${HELM:-helm}" template qdrant "$here/../helm/qdrant" \
        --namespace vector-db --kube-version 1.33 \
        --values "$here/helm/values.yaml" $only >"$work/text"
    {
        echo "# SPDX-License-Identifier: Apache-2.0"
        echo "# Made by ../generate.sh from the chart: change it there."
        # kubectl reads a folder by name: the first file brings the namespace.
        [ "$name" != backup-cronjob ] || namespace
        sed -e '/^ \{1,\}$/d' -e '/^# Source: /d' -e '/helm\.sh\/chart: /d' \
            -e '/app\.kubernetes\.io\/managed-by: /d' "$work/text"
    } >"$out/$name.yaml"
}

namespace()
{
    cat <<'END'
---
apiVersion: v1
kind: Namespace
metadata:
  name: vector-db
END
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$out"
{
    echo "# SPDX-License-Identifier: Apache-2.0"
    echo "# Made by ../generate.sh."
    namespace
} >"$out/namespace.yaml"
part statefulset statefulset
part service service service-headless
part configmap configmap
part pdb pdb
part servicemonitor servicemonitor
part backup-cronjob backup-cronjob
