#!/bin/sh
# PID 1 of a test guest. Mounts what a node has, runs /vm/command on the first
# serial port, sends $RESULTS back over the second one, powers off.
#
# The first port is shared with the kernel, so nothing on it is proof: status,
# notes and kernel log travel in the framed, checksummed archive (results.py).

export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export HOME=/root TERM=dumb LC_ALL=C
# shellcheck disable=SC1091 # written by initramfs.py
. /vm/params # CGROUP NONCE RESULTS CONSOLE RESULTS_TTY

note() {
    echo "$*" >>/vm/notes
}

fatal() {
    echo "oomtrail-vm: fatal: $*"
    stty -F "/dev/$CONSOLE" -echo # returns when the line above has been sent
    poweroff -f
}

mount_cgroups() {
    if [ "$CGROUP" = v2 ]; then
        mount -t cgroup2 cgroup2 /sys/fs/cgroup || fatal "cgroup2 does not mount"
        echo +memory >/sys/fs/cgroup/cgroup.subtree_control || fatal "cgroup v2 has no memory controller"
        return
    fi
    mount -t tmpfs -o mode=755 cgroup /sys/fs/cgroup
    mkdir /sys/fs/cgroup/memory /sys/fs/cgroup/unified
    mount -t cgroup -o memory cgroup /sys/fs/cgroup/memory || fatal "cgroup v1 has no memory controller"
    # Without CONFIG_MEMCG_V1 the mount may succeed and be hollow.
    [ -e /sys/fs/cgroup/memory/memory.limit_in_bytes ] || fatal "cgroup v1 has no memory controller"
    # What systemd does: before 5.11 children are charged to their parents only so.
    echo 1 >/sys/fs/cgroup/memory/memory.use_hierarchy || note "cgroup v1: not hierarchical"
    mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified || fatal "cgroup2 does not mount"
}

send_results() {
    mkdir -p "$RESULTS" /vm/out
    dmesg >/vm/dmesg
    mount --bind "$RESULTS" /vm/out
    tar -C /vm -czf /vm.tar.gz status dmesg notes out || fatal "results do not pack"
    sum=$(sha256sum </vm.tar.gz)
    {
        echo "begin $NONCE"
        base64 /vm.tar.gz
        echo "end $NONCE ${sum%% *}"
    } >"/dev/$RESULTS_TTY"
}

/bin/busybox mount -t proc proc /proc
/bin/busybox --install -s
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs -o mode=1777 tmpfs /tmp
mount -t tmpfs tmpfs /run
ln -s /proc/self/fd /dev/fd

stty -F "/dev/$CONSOLE" raw -echo
stty -F "/dev/$RESULTS_TTY" raw -echo
exec </dev/null >"/dev/$CONSOLE" 2>&1
: >/vm/notes

hostname oomtrail-vm
ip link set lo up || note "loopback: not up"
mount_cgroups
mount -t bpf bpf /sys/fs/bpf || note "bpffs: not mounted"
mount -t tracefs tracefs /sys/kernel/tracing || note "tracefs: not mounted"
# Lockdown lets it mount and then refuses every file in it.
head -c 1 /sys/kernel/tracing/available_events >/dev/null 2>&1 || note "tracefs: not readable"

printf '\n@run %s\n' "$NONCE"
setsid sh /vm/command
echo $? >/vm/status
printf '\n@end %s\n' "$NONCE"

# What the command left running must not write while results are packed.
kill -9 -1
send_results
poweroff -f
