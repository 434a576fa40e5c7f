#!/bin/busybox sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# First program of the guest: sees to it that the host's files are there, runs /out/run among them,
# and leaves its exit status in /out/status.
b=/bin/busybox
$b mount -t devtmpfs dev /dev
$b mount -t proc proc /proc
$b mount -t sysfs sys /sys
$b mount -t tmpfs run /run

# 16 and more: QEMU itself ends with 1 when it fails.
end() {
    $b printf "\\$($b printf '%o' $(($1 + 16)))" | $b dd of=/dev/port bs=1 seek=244 conv=notrunc 2>/dev/null
    $b poweroff -f
}

while read -r module; do
    $b insmod "/modules/$module" || { echo "init: $module cannot be loaded"; end 1; }
done < /modules/order

share='trans=virtio,version=9p2000.L,msize=512000'
$b mkdir -p /run/host /run/cover /run/modules
$b mount -t 9p -o $share,ro,cache=loose host /run/host || end 2
$b mount -t 9p -o $share,ro,cache=loose modules /run/modules || end 2
$b mount -t tmpfs cover /run/cover
$b mkdir -p /run/cover/upper /run/cover/work
$b mount -t overlay -o lowerdir=/run/host,upperdir=/run/cover/upper,workdir=/run/cover/work root /root || end 2

release=$($b uname -r)
$b mkdir -p /root/out "/root/lib/modules/$release"
$b mount -t 9p -o $share,cache=none out /root/out || end 2
$b mount --bind /run/modules "/root/lib/modules/$release"
for folder in dev proc sys; do $b mount --bind /$folder /root/$folder; done
$b mount -t tmpfs run /root/run
$b mkdir -p /root/run/lock /root/run/mdadm
$b mount -t tmpfs shm /root/dev/shm 2>/dev/null
$b ip link set lo up

# No udevd runs here, and no systemd: mdadm and dmsetup must not wait for them.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
export DM_DISABLE_UDEV=1 MDADM_NO_UDEV=1 MDADM_NO_SYSTEMCTL=1 RUST_BACKTRACE=1
$b chroot /root /bin/sh /out/run
status=$?
echo $status > /root/out/status
$b sync
end $status
