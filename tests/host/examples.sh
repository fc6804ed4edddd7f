#!/usr/bin/env bash
# examples.sh [PROGRAM]: the clients of docs/clients.md against a live agent and real kills, as root.
# What the document tells people to type is taken from it and run: a block below <!-- run: NAME -->.
#
# A test each_… is run for every example. Nothing sleeps for time to pass: a test waits for what it is
# about, for so long at most. ONLY=PART-OF-A-NAME runs those tests alone.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/common.sh"
PROGRAM=$(realpath "${1:-build/release/oomtrail}")
PATIENCE=${PATIENCE:-60}
EXAMPLES='go python'

need_root
need go protoc openssl "$PYTHON"
"$PYTHON" -c 'import ensurepip, venv' 2>/dev/null || cannot_run "Python's venv is not here (python3-venv)"
[ "$(printf '%s\n' 1.21 "$(go env GOVERSION | tr -d go)" | sort -V | head -n 1)" = 1.21 ] ||
  cannot_run "go is older than 1.21, which could fetch the one that examples/go/go.mod asks for"
[ -x "$PROGRAM" ] || die "$PROGRAM is not built (make build)"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
HOUSE=$scratch/house # a copy, so that generated code is not left in the repository
DOCUMENT=$ROOT/docs/clients.md

# block NAME: the commands of that block of the document.
block() {
  awk -v mark="<!-- run: $1 -->" '
    $0 == mark { marked = 1; next }
    marked && /^```/ { if (inside) exit; inside = 1; next }
    inside { print; found = 1 }
    END { exit !found }' "$DOCUMENT"
}

# follow_document NAME: the block, as typed in a clone of the repository; the agent's socket is ours.
follow_document() {
  local commands
  commands=$(block "$1") || fail "docs/clients.md has no block $1"
  (cd "$HOUSE" && bash -euo pipefail -c "${commands//\/run\/oomtrail\/oomtrail.sock/$HERE/s}")
}

# The packages of an environment are pinned: one per list of them is kept.
python_environment() {
  local requirements=$ROOT/examples/python/requirements.txt home
  home=$OOMTRAIL_CACHE/python/$({ "$PYTHON" --version && cat "$requirements"; } | sha256sum | cut -c 1-16)
  if [ ! -e "$home/complete" ]; then
    rm -rf "$home"
    mkdir -p "${home%/*}"
    "$PYTHON" -m venv "$home"
    "$home/bin/pip" install --quiet --disable-pip-version-check -r "$requirements"
    : >"$home/complete"
  fi
  printf '%s\n' "$home"
}

prepare() {
  local plugin grpcurl
  mkdir "$HOUSE"
  git ls-files -z -co --exclude-standard -- proto examples | xargs -0 cp --parents -t "$HOUSE"
  plugin=$(scripts/go_tool.sh google.golang.org/protobuf/cmd/protoc-gen-go v1.36.11)
  PATH=${plugin%/*}:$PATH
  plugin=$(scripts/go_tool.sh google.golang.org/grpc/cmd/protoc-gen-go-grpc v1.6.2)
  PATH=${plugin%/*}:$PATH
  grpcurl=$(scripts/go_tool.sh github.com/fullstorydev/grpcurl/cmd/grpcurl v1.9.4)
  PATH=${grpcurl%/*}:${PROGRAM%/*}:$PATH
  HERE=$scratch
  follow_document go
  ln -s "$(python_environment)" "$HOUSE/venv"
  follow_document python
}

fail() {
  echo "$*"
  tail -n 20 out err agent.log 2>/dev/null
  exit 1
}

says() { grep -qF -- "$2" "$1" || fail "$1 does not say: $2"; }

# await FILE TEXT PROCESS: until a line of the file has the text, or the process has ended.
await() {
  : >>"$1" # the process may not have come to it yet
  grep -qF -m 1 -- "$2" < <(timeout "$PATIENCE" tail -n +1 --pid="$3" -f "$1" 2>/dev/null) || fail "$1 never says: $2"
}

# await_state TEXT: until the subscriber has stored it. Its file is replaced each time: asked again.
await_state() {
  local tries
  for ((tries = 0; tries < PATIENCE * 20; ++tries)); do
    if grep -qsF -- "$1" state.json; then return; fi
    sleep 0.05
  done
  fail "state.json never says: $1"
}

ours=() # processes to end with the test
started() { ours+=("$!"); }

# start_agent FLAG...: an agent whose hooks are armed.
start_agent() {
  : >agent.log
  "$PROGRAM" agent --listen "unix://$HERE/s" --journal "$HERE/journal" --pin none --cri-endpoint none \
    --node-name node-1 "$@" </dev/null >>events 2>agent.log &
  agent=$!
  started
  await agent.log armed "$agent"
}

# await_end PROCESS
await_end() { timeout "$PATIENCE" tail --pid="$1" -f /dev/null || fail "it goes on"; }

stop_agent() {
  kill -TERM "$agent"
  await_end "$agent"
  wait "$agent" || fail "the agent's exit code is $?"
}

# subscribe FLAG...: the example, with a state of its own; what it prints is appended to ./out.
subscribe() {
  local command=("$HOUSE/examples/go/subscriber")
  [ "$EXAMPLE" = go ] || command=("$HOUSE/venv/bin/python" "$HOUSE/examples/python/subscribe.py")
  : >err
  "${command[@]}" --server "unix://$HERE/s" --state state.json "$@" </dev/null >>out 2>err &
  subscriber=$!
  started
}

# up_to_date FLAG...: … that has heard all that happened, and waits for more.
up_to_date() {
  subscribe "$@"
  await err 'up to date' "$subscriber"
}

crash_subscriber() {
  kill -KILL "$subscriber"
  wait "$subscriber" || true
}

# end_subscriber: as Kubernetes ends it.
end_subscriber() {
  kill -TERM "$subscriber"
  await_end "$subscriber"
  wait "$subscriber" || fail "the subscriber's exit code is $?"
}

# real_kill: one on this machine; its id in $id, its pod in $pod and its container in $container.
real_kill() {
  timeout "$PATIENCE" "$PROGRAM" demo --log-format json </dev/null >demo.json 2>demo.err ||
    fail "demo: $(tail -n 1 demo.err)"
  read -r id pod container < <("$PYTHON" -c '
import json
event = json.loads(open("demo.json").readline())
print(event["id"], event["pod"]["uid"], event["container"]["id"])')
}

# printed ID...: these kills, in this order, each once, and nothing else.
printed() { diff <(printf '%s\n' "$@") <(grep -o 'id=[^ ]*' out | cut -d = -f 2) || fail "not those kills"; }

each_prints_a_line_for_a_kill_and_stores_the_cursor() {
  start_agent
  up_to_date
  real_kill
  await_state "$id"
  printed "$id"
  says out "-/$pod/$container scope=container limit=33554432 victim=memory-hog["
  says state.json '"node-1/'
  end_subscriber
}

each_continues_after_a_crash_with_exactly_what_happened_meanwhile() {
  local before meanwhile
  start_agent
  up_to_date
  real_kill
  before=$id
  await_state "$before"
  crash_subscriber
  real_kill
  meanwhile=$id
  up_to_date
  real_kill
  await_state "$id"
  printed "$before" "$meanwhile" "$id"
}

each_survives_a_restart_of_the_agent() {
  local before
  start_agent
  up_to_date
  real_kill
  before=$id
  await_state "$before"
  stop_agent
  await err 'trying again' "$subscriber"
  start_agent
  real_kill
  await_state "$id"
  printed "$before" "$id"
  end_subscriber
}

each_waits_for_an_agent_that_is_not_there_yet() {
  subscribe
  await err 'trying again' "$subscriber"
  start_agent
  await err 'up to date' "$subscriber"
  end_subscriber
  : >out
  stop_agent
  subscribe
  await err 'trying again' "$subscriber"
  end_subscriber
}

each_says_what_is_missing_when_its_cursor_has_expired_and_goes_on() {
  local before
  start_agent
  up_to_date
  real_kill
  before=$id
  await_state "$before"
  end_subscriber
  stop_agent
  rm -r journal
  start_agent
  real_kill
  up_to_date
  says err 'LOST: the agent no longer has the events between node-1/'
  printed "$before" "$id"
}

each_refuses_a_cursor_of_another_node() {
  start_agent
  echo '{"cursor": "node-2/1/1"}' >state.json
  subscribe
  await_end "$subscriber"
  if wait "$subscriber"; then fail "exit code 0"; fi
  says err 'a cursor of node node-2'
  says state.json node-2
}

# A kubelet that knows no pod, and then the one that was killed.
start_kubelet() {
  mkdir kubelet
  echo '{"items": []}' >kubelet/pods
  "$PYTHON" -u -m http.server --bind 127.0.0.1 --directory kubelet 0 </dev/null >kubelet.log 2>kubelet.err &
  started
  await kubelet.log ' port ' "$!"
  kubelet=http://127.0.0.1:$(sed -nE 's/.* port ([0-9]+) .*/\1/p' kubelet.log)
}

name_the_pod() {
  cat >kubelet/next <<END
{"items": [{"metadata": {"namespace": "shop", "name": "cart-7d9f", "uid": "$pod"},
            "status": {"containerStatuses": [{"name": "api", "containerID": "containerd://$container"}]}}]}
END
  mv kubelet/next kubelet/pods
}

each_takes_names_that_come_late_for_the_same_kill_across_a_crash() {
  start_kubelet
  start_agent --kubelet-url "$kubelet"
  up_to_date
  real_kill
  await_state "$id"
  crash_subscriber
  name_the_pod
  subscribe
  await out 'named: ' "$subscriber"
  says out "named: shop/cart-7d9f/api scope=container limit=33554432 victim=memory-hog["
  says out "id=$id revision=1"
  printed "$id" "$id"
}

each_that_filters_by_name_gets_a_kill_when_its_name_is_known() {
  start_kubelet
  start_agent --kubelet-url "$kubelet"
  up_to_date --namespace shop
  real_kill
  name_the_pod
  await_state "$id"
  printed "$id"
  grep -q "^shop/cart-7d9f/api .* id=$id revision=1$" out || fail "not told with its name"
}

make_certificates() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=ca \
    -keyout ca.key -out ca.pem
  local name
  for name in agent controller; do
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj "/CN=$name" \
      -addext "subjectAltName=DNS:$name,DNS:localhost" -addext basicConstraints=critical,CA:FALSE \
      -CA ca.pem -CAkey ca.key -keyout "$name.key" -out "$name.pem"
  done
} 2>openssl.log

# Sets $port.
start_agent_with_tls() {
  make_certificates
  start_agent --listen 127.0.0.1:0 --tls-cert agent.pem --tls-key agent.key --tls-client-ca ca.pem \
    --tls-allow controller
  port=$(sed -nE 's/.*serving .*127\.0\.0\.1:([0-9]+).*/\1/p' agent.log)
}

test_commands_of_the_document_connect_by_mutual_tls() {
  start_agent_with_tls
  real_kill
  local commands
  commands=$(block tls) || fail "docs/clients.md has no block tls"
  bash -euc "${commands//node-1:9443/localhost:$port}" >out
  says out 'OOM-KILL '
  says out '"node": "node-1"'
}

each_connects_by_mutual_tls() {
  start_agent_with_tls
  up_to_date --server "localhost:$port" --tls-ca ca.pem --tls-cert controller.pem --tls-key controller.key
  real_kill
  await_state "$id"
  printed "$id"
}

# The agent that no live one can be made to be: see what it plays.
each_reads_again_what_its_queue_could_not_hold_and_handles_nothing_twice() {
  (cd "$HOUSE/examples/python" && exec "$HOUSE/venv/bin/python" "$ROOT/tests/host/examples/unkind_agent.py" "$HERE/s") \
    </dev/null >agent.log 2>&1 &
  agent=$!
  started
  await agent.log serving "$agent"
  subscribe
  await agent.log 'watch from 4' "$agent"
  diff - out <<'END' || fail "not what it should make of that"
-/-/- scope=unspecified limit=- victim=one[1] id=one revision=0
-/-/- scope=unspecified limit=- victim=two[2] id=two revision=0
named: shop/cart-7d9f/api scope=container limit=0 victim=two[2] id=two revision=2
END
  says err 'LOST: 2 events: LOST_SOURCE_SUBSCRIBER'
  says err 'LOST: 7 events: LOST_SOURCE_KERNEL kill_ring_full'
  diff <(printf 'watch from %s\n' '' '' 1 4) <(grep '^watch' agent.log) || fail "not from those cursors"
  end_subscriber
}

test_reflection_tells_what_can_be_called() {
  start_agent
  follow_document reflection >out
  says out oomtrail.v1.EventService
  says out oomtrail.v1.NodeService
  says out 'rpc WatchEvents ( .oomtrail.v1.WatchEventsRequest ) returns ( stream .oomtrail.v1.WatchEventsResponse );'
  says out 'message Filter {'
}

test_grpcurl_calls_the_agent() {
  start_agent
  real_kill
  follow_document status >out
  says out '"node": "node-1"'
  says out '"hook": "victim"'
  follow_document list >out
  says out "\"id\": \"$id\""
  follow_document page >out
  says out "\"id\": \"$id\""
}

test_filters_of_the_document_are_understood() {
  start_agent
  real_kill
  follow_document filters >out
  grep -cF "\"id\": \"$id\"" out | grep -qx 1 || fail "one of the two filters should match"
}

test_a_wrong_request_is_answered_with_the_field() {
  start_agent
  if follow_document wrong >out 2>&1; then fail "it was taken"; fi
  says out InvalidArgument
  says out page_size
}

test_commands_of_the_document_show_memory_and_follow_allocations() {
  start_agent
  local tries
  for ((tries = 0; tries < PATIENCE; ++tries)); do
    follow_document usage >out
    if grep -qF working_set_bytes out; then break; fi
  done
  says out working_set_bytes
  # Where the kernel does not allow it, that is the answer.
  follow_document tracking >out 2>&1 || says out FailedPrecondition
}

test_commands_of_the_document_show_a_kill() {
  start_agent
  real_kill
  OOMTRAIL_SERVER=unix://$HERE/s follow_document commands >out
  says out "$id"
  says out memory-hog
}

test_the_containers_that_it_knows_can_be_listed() {
  pod=4a163a05-439d-484b-8e53-2968bc15824f
  container=$(printf '0123456789abcdef%.0s' 1 2 3 4)
  start_kubelet
  name_the_pod
  start_agent --kubelet-url "$kubelet"
  local tries
  for ((tries = 0; tries < PATIENCE; ++tries)); do
    follow_document containers >out
    if grep -qF "\"id\": \"$container\"" out; then break; fi
  done
  says out '"name": "cart-7d9f"'
}

# run_test FUNCTION LABEL: in a directory and a process of its own.
passed=0
failed=0
run_test() {
  local said code
  [[ $2 == *"${ONLY:-}"* ]] || return 0
  HERE=$scratch/$((passed + failed)) # short: a socket is in it
  mkdir "$HERE"
  # Not as a condition: there bash would go on after a command that failed.
  set +e
  said=$(
    set -e
    cd "$HERE"
    trap 'kill -KILL "${ours[@]}" 2>/dev/null || true; wait' EXIT
    "$1" 2>&1
  )
  code=$?
  set -e
  if [ "$code" -eq 0 ]; then
    passed=$((passed + 1))
    echo "ok $2"
  else
    failed=$((failed + 1))
    echo "FAILED $2"
    while IFS= read -r line; do echo "    $line"; done <<<"$said"
  fi
}

prepare
for name in $(declare -F | sed -nE 's/^declare -f ((test|each)_.*)/\1/p'); do
  if [[ $name == test_* ]]; then
    run_test "$name" "$name"
  else
    for EXAMPLE in $EXAMPLES; do run_test "$name" "${EXAMPLE}_${name#each_}"; done
  fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
