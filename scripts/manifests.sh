#!/usr/bin/env bash
# manifests.sh: manifests/, for those without helm, from the chart and its defaults; and the table of
# values in the chart's README.
set -euo pipefail
. "$(dirname "$0")/common.sh"

command -v go >/dev/null || cannot_run "helm is built by Go, and there is no go here"
helm=$("$ROOT/scripts/go_tool.sh" helm.sh/helm/v3/cmd/helm v3.22.0)

"$PYTHON" "$ROOT/scripts/chart_readme.py"

# render FLAG...: without what helm says of itself.
render() {
  "$helm" template oomtrail charts/oomtrail --namespace oomtrail --kube-version 1.36.3 "$@" |
    sed -E '/^ +(helm\.sh\/(chart|hook[a-z-]*)|app\.kubernetes\.io\/managed-by):/d; /^# Source: /d'
}

mkdir -p manifests
{
  cat <<'END'
# kubectl apply -f manifests/oomtrail.yaml
# Rendered from charts/oomtrail by `make manifests`: change that, not this.
apiVersion: v1
kind: Namespace
metadata:
  name: oomtrail
  labels:
    # The agents use the host's paths.
    pod-security.kubernetes.io/enforce: privileged
END
  render --no-hooks
} >manifests/oomtrail.yaml
{
  cat <<'END'
# Removes the pins and the socket from every node, before manifests/oomtrail.yaml is deleted:
#   kubectl apply -f manifests/cleanup.yaml
#   kubectl -n oomtrail rollout status daemonset/oomtrail-cleanup
#   kubectl delete -f manifests/cleanup.yaml -f manifests/oomtrail.yaml
# Rendered from charts/oomtrail by `make manifests`: change that, not this.
END
  render --show-only templates/cleanup/daemonset.yaml | sed '/^  annotations:$/d'
} >manifests/cleanup.yaml
