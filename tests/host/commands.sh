#!/usr/bin/env bash
# commands.sh PROGRAM...: what a person meets who types oomtrail's commands, on this machine, as
# root. Each test runs in a directory and a process of its own. A sanitizer's build can be tested
# too: commands.sh setarch -R build/tsan/oomtrail
#
# Nothing sleeps: a test waits for the line that it is about (`await`), for so long at most. What is
# mounted is in a mount namespace of its own.
set -u
if [ "${OOMTRAIL_IN_NAMESPACE:-}" != 1 ] && [ "$(id -u)" -eq 0 ]; then
  export OOMTRAIL_IN_NAMESPACE=1
  exec unshare --mount --propagation private "$0" "$@"
fi
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
PROGRAM=("${@:-build/release/oomtrail}")
PROGRAM[-1]=$(realpath "${PROGRAM[-1]}")
PYTHON=/usr/bin/python3
PATIENCE=30

oomtrail() { "${PROGRAM[@]}" "$@"; }

fail() {
  echo "$*"
  head -n 20 err log 2>/dev/null
  exit 1
}

# run COMMAND...: its exit code in $status, what it wrote in ./out and ./err.
run() {
  status=0
  timeout "$PATIENCE" "${PROGRAM[@]}" "$@" </dev/null >out 2>err || status=$?
}

exits() { [ "$status" -eq "$1" ] || fail "exit code $status instead of $1"; }
silent() { [ ! -s "$1" ] || fail "$1 is not empty: $(head -n 2 "$1")"; }
one_line() { [ "$(wc -l <"$1")" -eq 1 ] || fail "$1 has $(wc -l <"$1") lines instead of one"; }
says() { grep -qF -- "$2" "$1" || fail "$1 does not say: $2"; }

# Tests' agents ask no runtime of this machine, and leave nothing behind in the kernel.
export OOMTRAIL_CRI_ENDPOINT=none OOMTRAIL_PIN=none OOMTRAIL_JOURNAL=none OOMTRAIL_LISTEN=none

# What a wrong flag, file or certificate gives: exit 2, one line, nothing tried.
refuses() {
  run "$@"
  exits 2
  silent out
  one_line err
}

# await FILE TEXT: until a line of the file has the text, or the agent has ended.
await() { grep -qF -m 1 -- "$2" < <(timeout "$PATIENCE" tail -n +1 --pid="$agent" -f "$1" 2>/dev/null) || fail "$1 never says: $2"; }

# start_agent FLAG...: an agent whose hooks are armed. Its events go to ./events.
start_agent() {
  : >log
  "${PROGRAM[@]}" agent "$@" </dev/null >events 2>log &
  agent=$!
  trap 'kill -KILL $agent 2>/dev/null' EXIT
  await log armed
}

# stop_agent SIGNAL: it ends as a service should.
stop_agent() {
  kill "-$1" "$agent"
  wait "$agent"
  status=$?
  exits 0
  says log stopped
}

# event_id EVENTS: the ids of events, one a line, in order.
event_id() { "$PYTHON" -c 'import json, sys; [print(json.loads(line)["id"]) for line in sys.stdin]' <"$1"; }

demo_cgroups() { find /sys/fs/cgroup -maxdepth 2 -name "oomtrail-demo-${1:-*}" -print -quit; }

node='--node-name --proc-root --cgroup-root --hook-method'
ends='--stop-after --timeout'
names='--cri-endpoint --kubelet-url --kubelet-ca --kubelet-token-file --kubelet-insecure
  --pod-labels --pod-annotations'
client='--server --tls-ca --tls-cert --tls-key --tls-server-name --insecure'
filters='--namespace --all-namespaces --pod --container --label --workload --scope --kind --exclude'
declare -A flags=(
  [agent]="$node $names --pin --log-format --record --journal --journal-max-mib --journal-max-days
    --listen --tls-cert --tls-key --tls-client-ca --tls-allow --insecure --max-subscribers
    --http-listen --warn --warn-seconds --warn-percent --track --track-rate --track-budget"
  [watch]="$client $filters $ends --since --last --cursor --follow --reconnect --output --color"
  [list]="$client $filters --since --last --cursor --follow --reconnect --output --color"
  [status]="$client --output --color"
  [top]="$client --namespace --all-namespaces --interval --sort --output --color"
  [demo]="$node --log-format --here --once"
  [cleanup]='--pin --listen --journal --stay --await --timeout --service-account'
  [doctor]="$node $names --pin"
  [explain]=''
  [replay]='--log-format'
)

test_help_of_each_command_names_its_flags_and_their_variables() {
  local command flag variable
  for command in "${!flags[@]}"; do
    run "$command" --help
    exits 0
    silent err
    for flag in ${flags[$command]}; do
      variable=${flag#--}
      variable=${variable^^}
      says out "$flag"
      says out "(Env:OOMTRAIL_${variable//-/_})"
    done
  done
}

test_help_names_each_command() {
  local command
  run --help
  exits 0
  for command in "${!flags[@]}"; do says out "  $command"; done
  run --version
  exits 0
  says out "oomtrail "
}

test_an_unknown_flag_is_refused_and_named() {
  local command
  for command in "${!flags[@]}"; do
    refuses "$command" --no-such-flag FILE-OR-PATH
    says err --no-such-flag
  done
}

test_an_unknown_command_is_refused_and_named() {
  refuses frobnicate
  says err frobnicate
}

test_no_command_is_refused() { refuses; }

test_a_directory_as_runtime_socket_is_refused_with_the_remedy() {
  local command
  for command in agent doctor; do
    refuses "$command" --cri-endpoint /tmp
    says err 'unix:///run/containerd/containerd.sock'
  done
}

test_an_unreadable_ca_is_refused() {
  refuses agent --kubelet-url https://localhost:10250 --kubelet-ca "$PWD/missing.pem"
  says err missing.pem
}

test_a_directory_as_ca_is_refused() {
  refuses agent --kubelet-url https://localhost:10250 --kubelet-ca "$PWD"
  says err EISDIR
}

test_a_label_that_is_none_is_refused_with_the_remedy() {
  local command
  for command in agent doctor; do
    refuses "$command" --pod-labels 'app,team=shop'
    says err '--pod-labels team=shop'
    says err app.kubernetes.io/
  done
  OOMTRAIL_POD_ANNOTATIONS='note,no*te' refuses agent
  says err 'no*te'
}

test_an_invalid_hook_method_is_refused_with_the_valid_ones() {
  refuses agent --hook-method guess
  says err tracepoint
  OOMTRAIL_HOOK_METHOD=guess refuses demo
  says err tracepoint
}

# On most kernels there is one that does not work: it must not be replaced by another.
test_a_forced_hook_method_that_does_not_work_is_not_replaced() {
  run doctor
  local method
  method=$(sed -nE '/works/d; s/^  victim by (fentry|kprobe|tp_btf|tracepoint) .*/\1/p' out | head -n 1)
  [ -n "$method" ] || return 0
  run agent --hook-method "$method"
  exits 1
  says err "--hook-method $method does not work on this node"
}

container=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
pod=4a163a05-439d-484b-8e53-2968bc15824f

explained() {
  cat <<END
{"path":"/kubepods/burstable/pod$pod/$container","level":"container","container_id":"$container","pod_uid":"$pod","qos":"burstable","runtime":null,"driver":"cgroupfs","unit":null}
{"path":"/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod${pod//-/_}.slice/cri-containerd-$container.scope","level":"container","container_id":"$container","pod_uid":"$pod","qos":"besteffort","runtime":"containerd","driver":"systemd","unit":null}
{"path":"/system.slice/ssh.service","level":"host","container_id":null,"pod_uid":null,"qos":null,"runtime":null,"driver":null,"unit":"ssh.service"}
{"path":"/","level":"host","container_id":null,"pod_uid":null,"qos":null,"runtime":null,"driver":null,"unit":null}
END
}

paths() { explained | sed -E 's/.*"path":"([^"]*)".*/\1/'; }

test_explain_reads_paths_from_arguments() {
  local rows
  mapfile -t rows < <(paths)
  run explain "${rows[@]}"
  exits 0
  diff <(explained) out || fail "not the rows above"
}

test_explain_reads_paths_from_stdin() {
  paths | oomtrail explain - >out || fail "exit code $?"
  diff <(explained) out || fail "not the rows above"
}

test_explain_mixes_arguments_and_stdin_in_their_order() {
  echo /b | oomtrail explain /a - /c | grep -o '"path":"[^"]*"' >out
  diff <(printf '"path":"/%s"\n' a b c) out || fail "not that order"
}

test_explain_escapes_hostile_bytes() {
  run explain $'/a\e[31m\xff'
  exits 0
  one_line out
  if grep -qP '[^\x20-\x7e]' out; then fail "raw bytes in the output"; fi
}

test_explain_survives_a_reader_that_leaves() {
  yes /a/b | head -n 200000 | { "${PROGRAM[@]}" explain - 2>err; echo $? >code; } | head -n 1 >out
  status=$(cat code)
  one_line out
  silent err
  # 141: ended by SIGPIPE, as every Unix filter.
  [ "$status" -le 1 ] || exits 141
}

test_explain_with_closed_stdout_fails() {
  status=0
  oomtrail explain /a >&- 2>err || status=$?
  exits 1
}

test_environment_variables_stand_for_flags_and_flags_win() {
  OOMTRAIL_LOG_FORMAT=json OOMTRAIL_NODE_NAME=from-environment run demo
  exits 0
  says out '"node":"from-environment"'
  OOMTRAIL_LOG_FORMAT=json OOMTRAIL_NODE_NAME=from-environment run demo --node-name from-flag
  says out '"node":"from-flag"'
}

test_demo_shows_one_attributed_kill_and_cleans_up() {
  run demo
  exits 0
  one_line out
  says out ' OOM-KILL '
  says out 'memory-hog['
  says out 'limit=32.0MiB'
  local path
  path=$(grep -o 'oomtrail-demo-[0-9]*' out | head -n 1)
  [ -z "$(demo_cgroups "${path##*-}")" ] || fail "the scratch cgroup is still there"
}

test_demo_cleans_up_when_nobody_reads() {
  { "${PROGRAM[@]}" demo 2>err; echo $? >code; } | true
  status=$(cat code)
  exits 1
  says err 'stdout'
  local path
  path=$(grep -o 'oomtrail-demo-[0-9]*' err | head -n 1)
  [ -n "$path" ] || fail "no scratch cgroup was named"
  [ -z "$(demo_cgroups "${path##*-}")" ] || fail "the scratch cgroup is still there"
}

test_demo_with_closed_stdout_fails() {
  status=0
  oomtrail demo >&- 2>err || status=$?
  exits 1
}

test_make_demo_shows_one_line_within_ten_seconds() {
  [[ ${PROGRAM[*]} == "$HERE/build/release/oomtrail" ]] || return 0
  status=0
  timeout 10 make -C "$HERE" --no-print-directory demo </dev/null >out 2>err || status=$?
  exits 0
  one_line out
  says out ' OOM-KILL '
}

# own_cgroup BYTES: a memory cgroup of this test's, directly below the mount, of this limit if any. Its
# path in $cgroup.
own_cgroup() {
  local mount=/sys/fs/cgroup limit=memory.max
  if [ -e /sys/fs/cgroup/memory/cgroup.procs ]; then
    mount=/sys/fs/cgroup/memory limit=memory.limit_in_bytes
  else
    echo +memory >/sys/fs/cgroup/cgroup.subtree_control
  fi
  cgroup=$mount/oomtrail-here-$BASHPID
  mkdir "$cgroup" || fail "no cgroup can be made"
  trap 'rmdir "$cgroup"; [ -z "${agent:-}" ] || kill -KILL "$agent" 2>/dev/null' EXIT
  [ -z "${1:-}" ] || echo "$1" >"$cgroup/$limit"
}

# run_there COMMAND...: as run, in $cgroup.
run_there() {
  status=0
  # shellcheck disable=SC2016  # the inner shell's own
  timeout "$PATIENCE" bash -c 'echo $$ >"$1/cgroup.procs" && shift && exec "$@"' - "$cgroup" \
    "${PROGRAM[@]}" "$@" </dev/null >out 2>err || status=$?
}

test_demo_here_refuses_where_no_limit_or_a_large_one_holds_it() {
  local limit
  for limit in '' $((2 << 30)); do
    own_cgroup "$limit"
    run_there demo --here --once once
    exits 2
    one_line err
    says err "$([ -n "$limit" ] && echo 2048.0MiB || echo resources.limits.memory)"
    [ ! -e once ] || fail "it says to have been killed"
    rmdir "$cgroup"
  done
  trap - EXIT
}

test_demo_here_is_killed_and_seen_and_that_once() {
  start_agent --log-format json
  own_cgroup $((256 << 20))
  run_there demo --here --once once
  exits 137
  says err 'filling 256.0MiB'
  await events '"comm":"memory-hog"'
  says events '"bytes":268435456'
  run_there demo --here --once once
  exits 0
  says err 'once is there'
  refuses demo --once once
  stop_agent TERM
}

test_cleanup_leaves_nothing_and_the_agent_goes_on_until_it_ends() {
  local left
  mkdir bpf
  mount -t bpf bpf bpf
  start_agent --pin "$PWD/bpf/oomtrail" --listen "unix://$PWD/socket" --journal "$PWD/journal"
  [ -n "$(find bpf -name 'link_*')" ] || fail "nothing was pinned"
  run cleanup --pin "$PWD/bpf/oomtrail" --listen "unix://$PWD/socket" --journal "$PWD/journal"
  exits 0
  says err 'pins in'
  for left in bpf/oomtrail socket journal; do [ ! -e "$left" ] || fail "$left is left"; done
  run demo
  await events 'memory-hog['
  stop_agent TERM
  [ ! -e bpf/oomtrail ] || fail "the agent has pinned again"
  run cleanup --pin "$PWD/bpf/oomtrail" --listen "unix://$PWD/socket"
  exits 0
  silent err
  umount bpf
}

test_cleanup_removes_only_what_is_an_agents() {
  mkdir bpf
  mount -t bpf bpf bpf
  mkdir -p bpf/oomtrail/1 bpf/oomtrail/others
  refuses cleanup --pin "$PWD/bpf/oomtrail" --listen none
  says err 'others is no pin of an agent'
  [ -e bpf/oomtrail/1 ] || fail "it removed what is beside"
  umount bpf
  refuses cleanup --pin "$PWD/bpf" --listen none
  says err 'not a bpffs'
  touch file
  refuses cleanup --pin none --listen "unix://$PWD/file"
  says err 'not a socket'
}

test_cleanup_stays_until_it_is_told_to_end() {
  "${PROGRAM[@]}" cleanup --pin none --listen none --stay </dev/null 2>log &
  agent=$!
  trap 'kill -KILL $agent 2>/dev/null' EXIT
  await log 'staying until SIGTERM'
  kill -TERM "$agent"
  wait "$agent" || fail "SIGTERM ended it with $?"
}

test_doctor_says_what_works() {
  run doctor
  exits 0
  silent err
  says out 'verdict: OOM kills on this node can be seen'
  says out '<- used'
}

test_doctor_without_privilege_names_the_remedy() {
  cp "${PROGRAM[-1]}" program
  chmod 755 . program
  status=0
  setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs --bounding-set=-all \
    "${PROGRAM[@]:0:${#PROGRAM[@]}-1}" ./program doctor </dev/null >out 2>err || status=$?
  exits 1
  says out 'verdict: OOM kills on this node cannot be seen'
  says out CAP_BPF
  if grep -q 'nothing: every fact' out; then fail "it claims that nothing is missing"; fi
}

test_agent_ends_well_at_sigterm_and_sigint() {
  start_agent
  stop_agent TERM
  start_agent
  stop_agent INT
}

test_agent_record_and_replay_give_the_same_events() {
  start_agent --log-format json --record recording
  run demo --log-format json
  exits 0
  await events "\"id\":\"$(event_id out)\""
  stop_agent TERM
  cp out demo.json
  run replay --log-format json recording
  exits 0
  silent err
  "$PYTHON" - <<'END' || fail "replay differs from what the agent said"
import json
def events(name):
    # Amendments come from live sources; times from a clock that is trimmed meanwhile.
    rows = [json.loads(line) for line in open(name)]
    for row in rows:
        row.pop("time")
        row.pop("cursor", None)  # of the agent's journal
        row["victim"].pop("start_time", None)
        row.pop("warned", None)  # nobody looked out when the recording was replayed
    return [row for row in rows if row["revision"] == 0]
live, replayed = events("events"), events("out")
assert live and live == replayed, f"{live}\n{replayed}"
demo = events("demo.json")[0]
assert demo["id"] in [row["id"] for row in replayed], demo["id"]
END
}

test_replay_refuses_what_is_no_recording() {
  local file
  : >empty
  for file in /etc/passwd /etc "$PWD/missing" empty; do
    refuses replay "$file"
    says err "$file"
  done
}

test_replay_of_a_cut_recording_shows_what_is_whole_and_fails() {
  start_agent --record recording --log-format json
  run demo --log-format json
  await events "\"id\":\"$(event_id out)\""
  stop_agent TERM
  truncate -s -1 recording
  run replay --log-format json recording
  exits 1
  one_line err
  says err recording
}

test_agent_goes_on_when_its_reader_leaves() {
  mkfifo pipe
  : >log
  "${PROGRAM[@]}" agent </dev/null >pipe 2>log &
  agent=$!
  trap 'kill -KILL $agent 2>/dev/null' EXIT
  exec 7<pipe
  await log armed
  exec 7<&-
  run demo
  exits 0
  await log 'stdout is closed'
  stop_agent TERM
}

test_agent_with_closed_stdout_goes_on() {
  : >log
  "${PROGRAM[@]}" agent --record recording </dev/null >&- 2>log &
  agent=$!
  trap 'kill -KILL $agent 2>/dev/null' EXIT
  await log armed
  run demo --log-format json
  exits 0
  await log 'stdout is closed'
  stop_agent TERM
  # No file of the agent's own may have taken stdout's place.
  event_id out >ids
  run replay --log-format json recording
  exits 0
  says out "$(cat ids)"
}

test_agent_says_that_a_pin_directory_is_no_bpffs_and_goes_on() {
  mkdir pins
  start_agent --pin "$PWD/pins"
  says log "is not a bpffs"
  stop_agent TERM
}

# until COMMAND...: until it succeeds. What it waits for is its own, so it may ask often.
until_true() {
  local end=$((SECONDS + PATIENCE))
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$end" ] || fail "never true: $*"
  done
}

# serve: an agent that is reached at ./socket, and at $http over HTTP; keeps ./journal.
serve() {
  export OOMTRAIL_SERVER=unix://$PWD/socket
  start_agent --log-format json --listen "unix://$PWD/socket" --journal "$PWD/journal" \
    --http-listen "127.0.0.1:${http_port:-0}"
  http=$(grep -oE 'http://127.0.0.1:[0-9]+' log)
}

lines() { [ "$(wc -l <"$1")" -eq "$2" ]; }
page() { curl -sS --max-time "$PATIENCE" "$http$1"; }
subscribed() { oomtrail status -o json | "$PYTHON" -c 'import json, sys; sys.exit(json.load(sys.stdin)["subscribers"] != int(sys.argv[1]))' "$1"; }
kills_counted() { page /metrics | grep -F 'oomtrail_oom_kills_total' | grep -F 'scope="container"' | grep -qE " $1\$"; }

test_a_kill_reaches_log_subscriber_history_and_metrics_alike() {
  serve
  "${PROGRAM[@]}" watch -o json >watched 2>watch-err &
  local watcher=$!
  until_true subscribed 1
  run demo --log-format json
  exits 0
  local id
  id=$(event_id out)
  await events "$id"
  await watched "$id"
  run list -o json
  exits 0
  diff events watched || fail "the subscriber heard otherwise than the log says"
  diff events out || fail "history is otherwise than the log"
  until_true kills_counted 1
  kill -INT "$watcher"
  wait "$watcher" || fail "ctrl-C ended watch with $?"
  silent watch-err
  until_true subscribed 0
  stop_agent TERM
  [ ! -e socket ] || fail "the socket is still there"
}

test_events_cursors_and_counters_survive_a_restart() {
  serve
  oomtrail demo >/dev/null 2>&1
  until_true kills_counted 1
  local cursor
  cursor=$(oomtrail list -o json | "$PYTHON" -c 'import json, sys; print(json.loads(sys.stdin.readline())["cursor"])')
  stop_agent TERM
  mv events events-before
  serve
  kills_counted 1 || fail "the counter began anew"
  oomtrail demo >/dev/null 2>&1
  until_true kills_counted 2
  oomtrail list -o json >out
  cat events-before events | diff - out || fail "not the history of both agents"
  oomtrail list -o json --cursor "$cursor" >out
  diff events out || fail "not what came after the cursor"
  stop_agent TERM
}

test_counters_survive_a_kill_of_the_agent() {
  serve
  oomtrail demo >/dev/null 2>&1
  until_true kills_counted 1
  kill -KILL "$agent"
  wait "$agent" 2>/dev/null
  serve
  kills_counted 1 || fail "the counter began anew"
  run list
  one_line out
  stop_agent TERM
}

test_watch_goes_on_when_the_agent_comes_back() {
  serve
  "${PROGRAM[@]}" watch -f -o json --reconnect >watched 2>watch-err &
  local watcher=$!
  until_true subscribed 1
  oomtrail demo >/dev/null 2>&1
  await watched oom_kill
  stop_agent TERM
  mv events events-before
  serve
  oomtrail demo >/dev/null 2>&1
  until_true kills_counted 2
  until_true lines watched 2
  kill -KILL "$agent"
  wait "$agent" 2>/dev/null
  cat events >>events-before
  serve
  oomtrail demo >/dev/null 2>&1
  until_true lines watched 3
  cat events-before events | diff - watched || fail "missed or repeated an event"
  kill -INT "$watcher"
  wait "$watcher" || fail "ctrl-C ended watch with $?"
  stop_agent TERM
}

test_watch_ends_quietly_when_its_reader_leaves() {
  serve
  oomtrail demo >/dev/null 2>&1
  until_true kills_counted 1
  { "${PROGRAM[@]}" watch --last 1 2>watch-err; echo $? >code; } | head -n 1 >out
  # It notices at the next line.
  status=$(cat code 2>/dev/null || echo 0)
  exits 0
  one_line out
  stop_agent TERM
}

# query EXPRESSION: its one value, as a whole number; Prometheus extrapolates to the window's ends.
query() {
  curl -sS --max-time "$PATIENCE" -G "$prometheus/api/v1/query" --data-urlencode "query=$1" |
    "$PYTHON" -c 'import json, sys; print(round(float(json.load(sys.stdin)["data"]["result"][0]["value"][1])))'
}
query_is() { [ "$(query "$1")" = "$2" ]; }

# Debian's Prometheus over a restart and a kill -9 of the agent: what users' alerts are made of.
test_prometheus_counts_every_kill_across_restarts() {
  [[ ${PROGRAM[*]} == "$HERE/build/release/oomtrail" ]] || return 0
  if ! command -v prometheus >/dev/null; then
    [ "${CI:-}" != true ] || fail "prometheus is not installed"
    return 0
  fi
  serve
  page /metrics | promtool check metrics || fail "promtool finds fault with a live page"
  http_port=${http##*:}
  local port kills='sum(oomtrail_oom_kills_total{scope="container"})'
  port=$("$PYTHON" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  prometheus=http://127.0.0.1:$port
  cat >prometheus.yml <<END
global: {scrape_interval: 250ms, scrape_timeout: 250ms}
scrape_configs: [{job_name: oomtrail, honor_labels: true, static_configs: [{targets: ["127.0.0.1:$http_port"]}]}]
END
  prometheus --config.file=prometheus.yml --storage.tsdb.path=tsdb \
    --web.listen-address="127.0.0.1:$port" >/dev/null 2>prometheus-err &
  scraper=$! # not local: the trap outlives this function
  trap 'kill -KILL $agent $scraper 2>/dev/null' EXIT
  until_true query_is "$kills" 0
  oomtrail demo >/dev/null 2>&1
  until_true query_is "$kills" 1
  stop_agent TERM
  serve
  trap 'kill -KILL $agent $scraper 2>/dev/null' EXIT
  oomtrail demo >/dev/null 2>&1
  until_true query_is "$kills" 2
  kill -KILL "$agent"
  wait "$agent" 2>/dev/null
  serve
  trap 'kill -KILL $agent $scraper 2>/dev/null' EXIT
  oomtrail demo >/dev/null 2>&1
  until_true query_is "$kills" 3
  query_is 'sum(increase(oomtrail_oom_kills_total{scope="container"}[5m]))' 3 ||
    fail "increase() is $(query 'sum(increase(oomtrail_oom_kills_total{scope="container"}[5m]))'), not 3"
  query_is 'sum(resets(oomtrail_oom_kills_total[5m]))' 0 || fail "a counter began anew"
  kill "$scraper"
  wait "$scraper"
  stop_agent TERM
}

resident_kib() { sed -nE 's/^VmRSS:\s+([0-9]+) kB/\1/p' "/proc/$agent/status"; }

# What strangers can do who reach the ports, all at once: a good subscriber does not notice.
test_hostile_clients_cost_the_agent_little() {
  [[ ${PROGRAM[*]} == "$HERE/build/release/oomtrail" ]] || return 0
  export OOMTRAIL_SERVER=unix://$PWD/socket
  start_agent --log-format json --listen "unix://$PWD/socket" --listen 127.0.0.1:0 --insecure \
    --journal "$PWD/journal" --http-listen 127.0.0.1:0
  local grpc http watcher before
  grpc=$(grep -oE 'serving 127.0.0.1:[0-9]+' log)
  http=$(grep -oE 'http://127.0.0.1:[0-9]+' log)
  "${PROGRAM[@]}" watch -o json >watched 2>watch-err &
  watcher=$!
  until_true subscribed 1
  before=$(resident_kib)
  "$PYTHON" "$HERE/tests/host/hostile_clients.py" "${grpc##*:}" "${http##*:}" >hostile 2>&1 &
  hostile=$!
  trap 'kill -KILL $agent $hostile 2>/dev/null' EXIT
  PATIENCE=120 until_true grep -q 'all here' hostile
  run demo --log-format json
  exits 0
  await watched "$(event_id out)"
  [ "$(page /livez)" = ok ] || fail "a probe is not answered"
  echo "resident: $before KiB before, $(resident_kib) KiB with $(cat hostile)"
  [ "$(resident_kib)" -le $((before + 24 * 1024)) ] || fail "resident: $(resident_kib) KiB, before: $before KiB"
  kill "$hostile"
  wait "$hostile" 2>/dev/null
  kill -INT "$watcher"
  wait "$watcher" || fail "watch ended with $?"
  stop_agent TERM
}

test_status_says_what_is_armed() {
  serve
  run status
  exits 0
  says out victim
  says out "$PWD/journal"
  stop_agent TERM
}

test_http_answers_probes_and_shows_the_flags() {
  serve
  [ "$(page /livez)" = ok ] || fail "not alive: $(page /livez)"
  [ "$(page /readyz)" = ok ] || fail "not ready: $(page /readyz)"
  page /debug/config >out
  says out "--journal $PWD/journal"
  [ "$(curl -s -o /dev/null -w '%{http_code}' "$http/nowhere")" = 404 ] || fail "no 404"
  stop_agent TERM
}

test_a_second_agent_on_the_same_socket_or_journal_is_refused() {
  serve
  run agent --listen "unix://$PWD/socket" --journal none
  exits 1
  says err "$PWD/socket"
  run agent --listen none --journal "$PWD/journal"
  exits 1
  says err 'held by another agent'
  stop_agent TERM
}

test_a_file_in_the_sockets_place_is_refused_and_left_alone() {
  echo precious >socket
  run agent --listen "unix://$PWD/socket"
  exits 1
  says err socket
  [ "$(cat socket)" = precious ] || fail "the file is gone"
}

test_wrong_serving_flags_are_refused() {
  refuses agent --listen somewhere
  says err --listen
  refuses agent --listen 127.0.0.1:0
  says err --insecure
  refuses agent --listen 127.0.0.1:0 --tls-cert missing.pem --tls-key missing.pem --tls-client-ca missing.pem
  says err missing.pem
  refuses agent --http-listen 127.0.0.1
  says err --http-listen
  refuses agent --journal /proc/self/journal
  says err --journal
  refuses agent --journal /dev/null/journal
  says err --journal
}

test_plaintext_over_tcp_is_shouted() {
  start_agent --listen 127.0.0.1:0 --insecure
  says log INSECURE
  local address
  address=$(grep -oE 'serving 127.0.0.1:[0-9]+' log)
  run list --server "${address#serving }" --insecure
  exits 0
  stop_agent TERM
}

test_clients_without_an_agent_say_what_to_do() {
  local command
  for command in watch list status; do
    run "$command" --server "unix://$PWD/nobody"
    exits 1
    one_line err
    says err "no agent listens"
  done
}

[ "$(id -u)" -eq 0 ] || {
  echo "cannot run: OOM kills can only be made and seen as root"
  exit 77
}
# Debian's gRPC is built without ThreadSanitizer, which then sees races in it that are none: what
# speaks gRPC is left out there.
needs_grpc() { declare -f "$1" | grep -qE '^ *serve;?$|watch|run list|--listen'; }

passed=0
failed=0
left_out=0
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
for name in $(declare -F | sed -n 's/^declare -f \(test_\)/\1/p'); do
  [[ $name == *"${ONLY:-}"* ]] || continue
  if [[ ${PROGRAM[0]} == setarch ]] && needs_grpc "$name"; then
    left_out=$((left_out + 1))
    continue
  fi
  mkdir -m 755 "$scratch/$name"
  if said=$(cd "$scratch/$name" && "$name" 2>&1); then
    passed=$((passed + 1))
    echo "ok $name"; [ -z "${VERBOSE:-}" ] || echo "$said"
  else
    failed=$((failed + 1))
    echo "FAILED $name"
    while IFS= read -r line; do echo "    $line"; done <<<"$said"
  fi
done
[ "$left_out" -eq 0 ] || echo "left out under ThreadSanitizer: $left_out tests that speak gRPC"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
