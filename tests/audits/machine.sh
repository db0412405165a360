# On a host of the sandbox: boot Debian's kernel in a machine of its own, with auditd and the role's rules, and print what it records.
# A container's kernel records for its machine only; this one is ours. Emulated, so it needs no rights and takes half a minute.
set -eu
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
mkdir -p /root/machine && cd /root/machine
apt-get install -qy --no-install-recommends qemu-system-x86 cpio auditd kmod >/dev/null 2>&1 || true
kernel=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/ *Depends: \(linux-image-[0-9]\)/\1/p' | head -1)
apt-get download -q -o APT::Sandbox::User=root "$kernel" >/dev/null
dpkg-deb -x "$kernel"_*.deb kernel

rm -rf root && mkdir -p root/etc/pam.d root/etc/security root/etc/systemd/system root/etc/cron.d root/etc/apt \
  root/etc/modprobe.d root/etc/sysctl.d root/etc/vpsdeploy root/etc/ssh root/etc/sudoers.d root/root root/tmp root/run \
  root/proc root/sys root/dev root/var/spool/cron root/var/log/audit root/usr/local/bin root/usr/local/lib/vpsdeploy root/srv
mkdir -p root/usr/bin root/usr/sbin root/usr/lib root/usr/lib64
cp -a /bin /sbin /lib /lib64 root/ # links into usr
for file in passwd group shadow gshadow sudoers crontab localtime nsswitch.conf libaudit.conf; do
  cp -L /etc/$file root/etc/ 2>/dev/null || touch root/etc/$file
done
cp -a /etc/audit root/etc/
for program in sh bash awk mawk ls cat cp cmp rm mkdir mktemp chmod chown touch date sleep grep sed mount mv head sync uname sort \
  auditctl augenrules auditd ausearch kmod; do
  path=$(command -v "$program") || continue
  cp -L "$path" "root/usr/$(basename "$(dirname "$path")")/"
  for library in $(ldd "$path" 2>/dev/null | grep -o '/[^ ]*'); do
    mkdir -p "root/$(dirname "$library")" && cp -L "$library" "root/$library"
  done
done
cp /root/50-vpsdeploy.rules root/etc/audit/rules.d/
cp /root/auditd.conf root/etc/audit/
chmod -R go-rwx root/etc/audit
cat > root/init <<'INIT'
#!/bin/sh
PATH=/usr/sbin:/usr/bin
mount -t proc proc /proc && mount -t sysfs sys /sys && mount -t devtmpfs dev /dev
auditd || echo "AUDITD FAILED $?"
augenrules --load >/run/load 2>&1; echo "LOADED $?"
sed 's/^/LOAD: /' /run/load
auditctl -l | sed 's/^/RULE: /'
# By a program of its own: the first process is older than auditd, and is not recorded.
sh -c "echo 'mallory:x:0:0::/root:/bin/sh' >> /etc/passwd"
touch /etc/sudoers.d/mallory /etc/systemd/system/mallory.service /etc/vpsdeploy/host.json /root/.mallory /srv/mallory
date -s 2030-01-01 >/dev/null
mv /etc/shadow /etc/shadow.new; mv /etc/shadow.new /etc/shadow
sleep 2
for key in identity rights logins startup vpsdeploy time; do
  ausearch --key $key --raw 2>/dev/null | grep -E 'name="|type=SYSCALL' | sed "s/^/SEEN $key: /"
done
grep -c /srv/mallory /var/log/audit/audit.log | sed 's/^/UNWATCHED /'
echo DONE
echo o > /proc/sysrq-trigger; sleep 5
INIT
chmod 755 root/init
(cd root && find . | cpio --quiet -o -H newc | gzip -1) > initrd
timeout 400 qemu-system-x86_64 -accel tcg -m 768 -display none -serial stdio -monitor none -nic none -no-reboot \
  -kernel kernel/boot/vmlinuz-* -initrd initrd -append 'console=ttyS0 rdinit=/init panic=-1 quiet loglevel=3' </dev/null
