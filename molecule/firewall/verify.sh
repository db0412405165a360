# A neighbour: a network namespace with addresses of its own, one of them the load balancer's.
ip netns add neighbour 2>/dev/null && ip link add try0 type veth peer name try1 netns neighbour
ip addr replace 198.51.100.1/24 dev try0 && ip addr replace 192.0.2.1/24 dev try0
ip -6 addr replace 2001:db8::1/64 dev try0 nodad && ip link set try0 up
inside() { ip netns exec neighbour "$@"; }
inside sh -c 'ip addr replace 198.51.100.2/24 dev try1; ip addr replace 192.0.2.10/24 dev try1
  ip -6 addr replace 2001:db8::10/64 dev try1 nodad; ip -6 addr replace 2001:db8::11/64 dev try1 nodad; ip link set try1 up'
for port in 80 4001 4200 5432 9999; do
  python3 -m http.server --bind :: $port >/dev/null 2>&1 & servers="$servers $!"
done
expect "the servers answer on the host itself" timeout 10 sh -c 'until curl -sf -o /dev/null 127.0.0.1:9999; do sleep 0.2; done'
reaches() { inside curl -s -g -m 2 -o /dev/null --interface "$1" "$2"; }
expect "everybody reaches the public port" reaches 198.51.100.2 198.51.100.1:80
expect "over IPv6 too" reaches 2001:db8::11 '[2001:db8::1]:80'
expect "the load balancer reaches the instances" reaches 192.0.2.10 192.0.2.1:4001
expect "over IPv6 too" reaches 2001:db8::10 '[2001:db8::1]:4001'
refuse "a neighbour does not" reaches 198.51.100.2 198.51.100.1:4001
refuse "nor over IPv6" reaches 2001:db8::11 '[2001:db8::1]:4001'
refuse "nor the load balancer beyond the last port" reaches 192.0.2.10 192.0.2.1:4200
expect "the owner's rule lets its network in" reaches 198.51.100.2 198.51.100.1:5432
refuse "and nobody else" reaches 192.0.2.10 192.0.2.1:5432
refuse "what nobody promised is closed" reaches 198.51.100.2 198.51.100.1:9999
expect "the host is there for a ping" inside ping -q -c 1 -W 2 198.51.100.1
expect "over IPv6 too" inside ping -q -c 1 -W 2 2001:db8::1
expect "the host reaches others" ping -q -c 1 -W 2 198.51.100.2
has "sshd greets a neighbour" SSH-2.0 inside timeout 3 bash -c 'exec 3<>/dev/tcp/198.51.100.1/22; head -1 <&3'
# Two hundred knocks at once: more than the burst and a minute's rate.
knocks() { inside bash -c 'n=0; for i in $(seq 200); do timeout 0.05 bash -c "exec 3<>/dev/tcp/192.0.2.1/22" 2>/dev/null && n=$((n + 1)); done; echo $n'; }
count=$(knocks)
expect "sshd is knocked at often, but not without end ($count of 200)" [ "$count" -ge 90 ]
expect "the rest has to wait" [ "$count" -lt 199 ]
has "another address does not" SSH-2.0 inside timeout 3 bash -c 'exec 3<>/dev/tcp/198.51.100.1/22; head -1 <&3'

ip addr replace 169.254.169.254/32 dev lo
python3 -m http.server --bind 169.254.169.254 80 >/dev/null 2>&1 & servers="$servers $!"
sleep 1
refuse "an app does not reach the metadata service" runuser -u nobody -- curl -s -m 2 -o /dev/null 169.254.169.254:80
expect "root does" curl -s -m 2 -o /dev/null 169.254.169.254:80
ip addr del 169.254.169.254/32 dev lo

nft add table inet f2b-table
for action in reload restart; do
  expect "the rules survive a $action" systemctl $action vpsdeploy-firewall.service
  has "the rules are there after a $action" 4000-4199 nft list table inet vpsdeploy
done
expect "and leave other tables alone" nft list table inet f2b-table
nft delete table inet f2b-table

# What nft refuses never opens the host: what it took last is in force then, and the unit says that it failed.
echo 'no such thing' >> /etc/vpsdeploy/firewall.nft
refuse "rules that nft refuses are told" systemctl restart vpsdeploy-firewall.service
refuse "they leave what nobody promised closed" reaches 198.51.100.2 198.51.100.1:9999
expect "everybody reaches the public port yet" reaches 198.51.100.2 198.51.100.1:80
expect "the load balancer its instances" reaches 2001:db8::10 '[2001:db8::1]:4001'
has "sshd greets" SSH-2.0 inside timeout 3 bash -c 'exec 3<>/dev/tcp/198.51.100.1/22; head -1 <&3'
mv /var/lib/vpsdeploy/firewall /root/kept
nft delete table inet vpsdeploy # as at boot: a unit that had failed takes nothing away
refuse "without any that were good before" systemctl restart vpsdeploy-firewall.service
refuse "the instances are closed too" reaches 192.0.2.10 192.0.2.1:4001
expect "HTTP is open" reaches 198.51.100.2 198.51.100.1:80
has "sshd greets over IPv6" SSH-2.0 inside timeout 3 bash -c 'exec 3<>/dev/tcp/2001:db8::1/22; head -1 <&3'
mv /root/kept /var/lib/vpsdeploy/firewall
sed -i '/no such thing/d' /etc/vpsdeploy/firewall.nft
expect "mended rules are loaded" systemctl restart vpsdeploy-firewall.service
expect "and all is as it was" reaches 192.0.2.10 192.0.2.1:4001

# Debian's own unit empties the whole firewall; ours is there all the same.
for action in start reload restart stop; do
  expect "nftables.service: $action" systemctl $action nftables.service
  has "the rules are there after its $action" 4000-4199 nft list table inet vpsdeploy
done
nft flush ruleset
expect "somebody empties the firewall: the look of each minute" systemctl start vpsdeploy-firewall-check.service
has "puts the rules in force" 4000-4199 nft list table inet vpsdeploy
same "it is waited for" active systemctl is-active vpsdeploy-firewall-check.timer
expect "the owner can open the host" systemctl stop vpsdeploy-firewall.service
refuse "for good: nothing closes it" sh -c 'systemctl start nftables.service vpsdeploy-firewall-check.service; nft list table inet vpsdeploy'
systemctl stop nftables.service
expect "and close it again" systemctl start vpsdeploy-firewall.service
has "with all its rules" 4000-4199 nft list table inet vpsdeploy
same "they are loaded at boot" enabled systemctl is-enabled vpsdeploy-firewall.service
same "nothing waits for a confirmation" "" ls /var/lib/vpsdeploy/guard
kill $servers 2>/dev/null
ip link del try0; ip netns del neighbour
same "nothing failed" "" systemctl list-units --failed --no-legend --plain
