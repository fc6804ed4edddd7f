#!/bin/busybox sh
# shellcheck shell=dash
# PID 1 of a node until its systemd takes over: loads what the disks and the network need, gives the
# network its address, unpacks what belongs to this run over the root, and hands on.
export PATH=/bin
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev

fatal() {
  echo "oomtrail-node: fatal: $*"
  poweroff -f
}

while read -r module; do
  insmod "/modules/$module" || fatal "$module does not load"
done </modules/order

# shellcheck disable=SC1091 # written by node.py
. /parameters # ADDRESS GATEWAY
ip link set lo up
ip link set eth0 up
ip address add "$ADDRESS/24" dev eth0
ip route add default via "$GATEWAY"

mount -t ext4 /dev/vda /newroot || fatal "no root"
tar -xf /dev/vdb -C /newroot || fatal "the files of this run do not unpack"
umount /proc /sys
mount -o move /dev /newroot/dev
exec switch_root /newroot /sbin/init
