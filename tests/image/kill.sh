#!/bin/sh
# In the arm64 guest: what the image's program sees of a real kill, and what the kernel itself says.
# Leaves all of it in /out; test_arm64.py compares. $1 is the container's cgroup.
set -u
cgroup=$1
LIMIT=25165824

oomtrail --version >/out/version || exit 1
oomtrail doctor >/out/doctor || exit 2
oomtrail demo --log-format json >/out/demo 2>/out/demo.log || exit 3

# Parent by parent: a child has the memory controller where its parent passes it on.
parent=/sys/fs/cgroup
for name in $(echo "$cgroup" | tr / ' '); do
    echo +memory >"$parent/cgroup.subtree_control"
    parent=$parent/$name
    mkdir "$parent"
done
echo "$LIMIT" >"$parent/memory.max"

mkfifo /tmp/log /tmp/events
oomtrail agent --log-format json --cri-endpoint none --pin none --journal none --listen none \
    >/tmp/events 2>/tmp/log &
agent=$!
exec 3</tmp/events 4</tmp/log
while read -r line <&4; do
    echo "$line" >>/out/agent.log
    case $line in *armed*) break ;; esac
done
cat <&4 >>/out/agent.log &

sh -c 'echo $$ >"$0/cgroup.procs" && exec tail /dev/zero' "$parent" &
victim=$!
wait "$victim"
echo "$victim $?" >/out/victim
read -r line <&3
echo "$line" >/out/event
cat "$parent/memory.events" >/out/memory.events
cat "$parent/memory.max" >/out/memory.max

# What else it says before it ends: there was one kill.
kill -TERM "$agent"
cat <&3 >/out/more
wait "$agent"
echo $? >/out/agent.status
