#!/usr/bin/env bash
# kubernetes.sh VERSION PROGRAM: prints the path of one of Kubernetes' own programs (kubelet, kubectl,
# kube-apiserver, ...), built once from its Go module and kept outside the repository.
#
# `go install k8s.io/kubernetes/cmd/...` refuses, because that module replaces its own staging
# folders. A module of our own names the published version of each of them instead.
set -euo pipefail
. "$(dirname "$0")/common.sh"

version=$1 # without the v
program=$2
home=$OOMTRAIL_CACHE/tools/kubernetes-$version
if [ ! -x "$home/$program" ]; then
  command -v go >/dev/null || die "$program is built from source by Go, and there is no go here"
  mkdir -p "$home"
  exec 9>"$home/.lock"
  flock 9
  cd "$home"
  log=$home/$program.log
  {
    if [ ! -e go.sum ]; then
      published=$(go mod download -json "k8s.io/kubernetes@v$version" | sed -n 's/^\t"GoMod": "\(.*\)",\?$/\1/p')
      {
        printf 'module oomtrail.test/kubernetes\n\ngo %s\n\n' "$(sed -n 's/^go //p' "$published")"
        sed -n '/^godebug/,/)/p' "$published"
        printf 'require k8s.io/kubernetes v%s\n\n' "$version"
        sed -nE "s|^\t?(replace )?(k8s.io/[^ ]+) => \./staging/.*|replace \2 => \2 v0.${version#*.}|p" "$published"
      } >go.mod
      {
        printf '//go:build programs\n\npackage programs\n\nimport (\n'
        for each in kubelet kubectl kube-apiserver kube-controller-manager kube-scheduler; do
          printf '\t_ "k8s.io/kubernetes/cmd/%s"\n' "$each"
        done
        printf ')\n'
      } >programs.go
      go mod tidy
    fi
    IFS=. read -r major minor _ <<<"$version"
    stamp="-X k8s.io/component-base/version.gitVersion=v$version"
    stamp+=" -X k8s.io/component-base/version.gitMajor=$major -X k8s.io/component-base/version.gitMinor=$minor"
    CGO_ENABLED=0 go build -trimpath -ldflags "-s -w $stamp" -o "$program.part" "k8s.io/kubernetes/cmd/$program"
  } >"$log" 2>&1 </dev/null || {
    rm -f go.sum.part
    tail -n 20 "$log" >&2
    die "$program $version was not built (all of it: $log)"
  }
  mv "$program.part" "$program"
fi
printf '%s\n' "$home/$program"
