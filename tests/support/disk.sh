# On a sandbox host: make a disk of the file system in /root/disk/root, of a host named $1 that knows the names $2, that boots as a VPS's does.
set -eu
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
cd /root/disk
apt-get update -q
apt-get install -qy --no-install-recommends e2fsprogs
mkdir -p root/proc root/sys root/dev root/run root/tmp root/boot/grub
chmod 1777 root/tmp
# Files that podman mounts on a sandbox host are no part of its file system.
echo "$1" > root/etc/hostname
echo "$2" > root/etc/hosts
cp /etc/resolv.conf root/etc/resolv.conf
for place in proc sys dev run tmp; do mount --rbind /$place root/$place; done
chroot root apt-get update -q
chroot root apt-get install -qy --no-install-recommends \
  linux-image-cloud-amd64 initramfs-tools zstd apparmor udev kmod e2fsprogs grub2-common grub-pc-bin
chroot root apt-get clean
# What only a container needs is undone, what a provider's image has is there.
chroot root systemctl unmask systemd-modules-load.service
chroot root systemctl enable systemd-networkd.service
for place in proc sys dev run tmp; do umount -R -l root/$place; done
printf '[Match]\nName=en* eth*\n[Network]\nDHCP=yes\n' > root/etc/systemd/network/10-provider.network
echo '/dev/vda / ext4 defaults,errors=remount-ro 0 1' > root/etc/fstab
cp -L root/vmlinuz kernel
cp -L root/initrd.img initrd
truncate -s 6G disk
mkfs.ext4 -q -d root disk
rm -r root
