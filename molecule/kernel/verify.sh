setting() { same "$1 is $2" "$2" sysctl -n "$1"; }
setting net.ipv4.conf.all.accept_redirects 0
setting net.ipv4.conf.default.accept_redirects 0
setting net.ipv4.conf.eth0.rp_filter 1
setting net.ipv6.conf.all.accept_redirects 0
setting net.ipv4.tcp_syncookies 1
# From the very port whose connection the server had closed: an instance that crashed has to be missed at once.
cat > /root/closed.py <<'END'
import socket
server, client = socket.create_server(("127.0.0.1", 4999)), socket.create_connection(("127.0.0.1", 4999))
server.accept()[0].close(), client.recv(1)
address = client.getsockname()
client.close(), server.close()
again = socket.socket()
again.settimeout(5)
again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
again.bind(address)
print(again.connect_ex(("127.0.0.1", 4999)) == 111)
END
same "a port that was just closed refuses" True python3 /root/closed.py
setting net.ipv4.tcp_fin_timeout 41
# A container has its machine's kernel: systemd passes over what it has no say in, and fails nothing.
has "all interfaces are named for those who do not know the star" "net.ipv4.conf.all.rp_filter = 1" cat /etc/sysctl.d/99-vpsdeploy.conf
expect "systemd reads all of it at boot" systemctl restart systemd-sysctl.service
has "what holds on a kernel of its own is written" "fs.suid_dumpable = 0" cat /etc/sysctl.d/99-vpsdeploy.conf
refuse "the machine's kernel is out of reach" sh -c 'echo 0 > /proc/sys/fs/suid_dumpable'
for module in dccp usb-storage; do
  has "$module is not loaded on demand" "install $module /bin/false" cat /etc/modprobe.d/vpsdeploy.conf
done
for place in /tmp /dev/shm; do
  for option in nodev nosuid noexec; do
    has "$place is $option" $option findmnt --noheadings --output OPTIONS --target $place
  done
  printf '#!/bin/sh\n' > $place/program && chmod 755 $place/program
  refuse "no program runs in $place" $place/program
  rm $place/program
done
has "the next boot mounts them so" enabled systemctl is-enabled vpsdeploy-mounts.service
same "services write no core dumps" 0 systemctl show --property DefaultLimitCORE --value
for login in nobody root; do
  same "logins of $login do not either, whoever asks" "0 0" su - $login -s /bin/sh -c 'echo $(ulimit -Sc) $(ulimit -Hc)'
done
expect "apt asks packages' questions elsewhere" sh -c 'apt-config dump | grep -q "TempDir \"/var/tmp\""'
same "nothing failed" "" systemctl list-units --failed --no-legend --plain
