# Neighbours in a network of their own: 192.0.2.10 is the app host elsewhere, 192.0.2.66 a stranger.
ip netns add neighbour 2>/dev/null && ip link add try0 type veth peer name try1 netns neighbour
ip addr del 192.0.2.1/32 dev lo 2>/dev/null; ip addr replace 192.0.2.1/24 dev try0 && ip link set try0 up
inside() { ip netns exec neighbour "$@"; }
inside sh -c 'ip addr replace 192.0.2.10/24 dev try1; ip addr replace 192.0.2.66/24 dev try1; ip link set try1 up; ip link set lo up'

# What the agent writes: digests of two passwords.
digest() { printf %s "$1" | sha256sum | cut -d' ' -f1; }
{
  echo "user vpsdeploy on #$(digest the-administrator) ~* &* +@all"
  echo "user my_shop on #$(digest the-right-one) ~* &* +@all -@admin -migrate +client|list"
} > /etc/redis/users.d/vpsdeploy.conf
chgrp redis /etc/redis/users.d/vpsdeploy.conf
expect "it starts with its users and an address that has come" systemctl restart redis-server.service
admin() { REDISCLI_AUTH=the-administrator redis-cli -s /run/redis/redis-server.sock --user vpsdeploy "$@"; }
certificate=/etc/redis/tls/192.0.2.1.crt
as() { word=$1; shift; inside env REDISCLI_AUTH="$word" redis-cli -h 192.0.2.1 --tls --cacert "$certificate" --user my_shop "$@"; }
same "the administrator gets in by the socket" PONG admin ping
same "the app host elsewhere gets in by TLS, and knows whom it talks to" OK as the-right-one set first kept
same "what it stores is there" kept as the-right-one get first
has "nobody gets in with another password" NOAUTH as a-wrong-one get first
has "nor without a name" NOAUTH inside redis-cli -h 192.0.2.1 --tls --cacert "$certificate" get first
refuse "without TLS there is no answer" inside env REDISCLI_AUTH=the-right-one timeout 3 redis-cli -h 192.0.2.1 --user my_shop get first
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=x -keyout /dev/null -out /tmp/other.crt 2>/dev/null
has "a server with another certificate is not believed" "certificate verify failed" \
  inside env REDISCLI_AUTH=the-right-one redis-cli -h 192.0.2.1 --tls --cacert /tmp/other.crt --user my_shop get first
has "the app cannot read the server's settings" NOPERM as the-right-one config get '*'
has "nor make users" NOPERM as the-right-one acl setuser x
has "what queues ask for it may" redis_version as the-right-one info server
has "their scripts too" kept as the-right-one eval "return redis.call('get', KEYS[1])" 1 first
inside ip addr del 192.0.2.10/24 dev try1
refuse "a stranger does not even reach the port" inside timeout 3 bash -c 'exec 3<>/dev/tcp/192.0.2.1/6379'
inside ip addr replace 192.0.2.10/24 dev try1
listeners() { ss -Hltn 'sport = 6379' | awk '{print $4}' | sort | tr '\n' ' '; }
same "it listens on loopback and the private address" "127.0.0.1:6379 192.0.2.1:6379 [::1]:6379 " listeners

limit() { admin config get "$1" | tail -1; }
same "three quarters of the memory are for data" 50331648 limit maxmemory
same "it refuses rather than forgets: jobs of a queue are not thrown away" noeviction limit maxmemory-policy
# A script that has begun is let go on: so several.
fill() {
  for n in $(seq 30); do as the-right-one eval "for i = 1, 50 do redis.call('set', KEYS[1] .. i, string.rep('x', 65536)) end" 1 "k$n-"; done
}
has "beyond that it takes no more" "OOM command not allowed" fill
same "and keeps what it has" kept as the-right-one get first
as the-right-one eval "for _, key in ipairs(redis.call('keys', 'k*')) do redis.call('del', key) end" 0 >/dev/null
sleep 1.5
expect "it comes back when it is killed" timeout 30 sh -c \
  'kill -9 $(systemctl show -P MainPID redis-server.service); sleep 1; until systemctl is-active redis-server.service; do sleep 0.5; done'
same "with what was stored a second before" kept as the-right-one get first

same "its key is not for everybody" "root redis 640" stat -c '%U %G %a' "${certificate%crt}key"
same "nor are its users" "drwxr-x---" stat -c %A /etc/redis/users.d
same "what it is stands in a file of root's" "root 600" stat -c '%U %a' /etc/vpsdeploy/services/redis.json
has "it cannot change its own configuration" "ERR Rewriting config file" admin config rewrite
score=$(systemd-analyze security --no-pager redis-server.service | sed -n 's/.*level for [^:]*: \([0-9.]*\) .*/\1/p')
expect "its sandbox holds ($score)" awk "BEGIN { exit !($score <= 2.0) }"
refuse "no password is in its log" grep -r the-right-one /var/log/redis
same "it is started at boot" enabled systemctl is-enabled redis-server.service
ip link del try0; ip netns del neighbour
same "nothing failed" "" systemctl list-units --failed --no-legend --plain
