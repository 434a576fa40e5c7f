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

export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root RUST_BACKTRACE=1

if $b grep -q vm.systemd /proc/cmdline; then
    # systemd becomes the first program; a unit of its own runs /out/run once udev has seen the disks.
    $b cp $b /root/run/busybox
    $b mkdir -p /root/run/systemd/system /root/etc/systemd/system
    # A host that is a container makes this no container.
    $b rm -f /root/.dockerenv
    # It would walk through the host's /tmp.
    for unit in systemd-tmpfiles-setup.service systemd-tmpfiles-clean.timer; do
        $b ln -sf /dev/null /root/etc/systemd/system/$unit
    done
    $b cat > /root/run/raid-vm <<'END'
#!/bin/sh
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root RUST_BACKTRACE=1
udevadm settle
/bin/sh /out/run
status=$?
echo $status > /out/status
sync
printf "\\$(printf '%o' $((status + 16)))" | dd of=/dev/port bs=1 seek=244 conv=notrunc 2>/dev/null
/run/busybox poweroff -f
END
    $b chmod 755 /root/run/raid-vm
    $b cat > /root/run/systemd/system/raid-vm.service <<'END'
[Unit]
Requires=sysinit.target systemd-udev-trigger.service
After=sysinit.target systemd-udev-trigger.service
[Service]
Type=oneshot
ExecStart=/run/raid-vm
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS0
TimeoutStartSec=infinity
END
    $b umount /root/dev/shm 2>/dev/null
    for folder in dev proc sys; do $b umount /root/$folder; $b mount --move /$folder /root/$folder; done
    exec $b switch_root /root /lib/systemd/systemd --unit=raid-vm.service --show-status=no
fi

# No udevd runs here, and no systemd: mdadm and dmsetup must not wait for them.
export DM_DISABLE_UDEV=1 MDADM_NO_UDEV=1 MDADM_NO_SYSTEMCTL=1
$b chroot /root /bin/sh /out/run
status=$?
echo $status > /root/out/status
$b sync
end $status
