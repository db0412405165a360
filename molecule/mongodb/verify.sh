# Stand-ins for MongoDB's programs: what is tried is all that is ours. Neighbours in a network of their own: 192.0.2.10 is
# the app host elsewhere, 192.0.2.66 a stranger.
ip netns add neighbour 2>/dev/null && ip link add try0 type veth peer name try1 netns neighbour
ip addr del 192.0.2.1/32 dev lo 2>/dev/null; ip addr replace 192.0.2.1/24 dev try0 && ip link set try0 up
inside() { ip netns exec neighbour "$@"; }
inside sh -c 'ip addr replace 192.0.2.10/24 dev try1; ip addr replace 192.0.2.66/24 dev try1; ip link set try1 up; ip link set lo up'
expect "it starts with an address that has come" systemctl restart mongod.service

# Where it came from.
candidate() { LC_ALL=C apt-cache policy "$1" | sed -n 's/.*Candidate: //p'; }
same "the server is of its makers' repository" 8.0.16 candidate mongodb-org-server
refuse "nothing else comes from there, though it is newer" test "$(candidate openssl)" = 99
same "that repository's packages are signed by one key" /etc/apt/keyrings/vpsdeploy-mongodb.asc \
  sed -n 's/^Signed-By: //p' /etc/apt/sources.list.d/vpsdeploy-mongodb.sources
expect "the rest of apt works as before" apt-get -qq -o DPkg::Lock::Timeout=300 install --dry-run openssl

# How it runs.
expect "it listens" timeout 30 sh -c 'until ss -Hltn "sport = 27017" | grep -q 192.0.2.1; do sleep 0.2; done'
listeners() { ss -Hltn 'sport = 27017' | awk '{print $4}' | sort | tr '\n' ' '; }
same "on loopback, and the private address for clients only" "127.0.0.1:27017 192.0.2.1:27017 " listeners
started() { python3 -c 'import json, sys; print(json.load(open("/var/lib/mongodb/started.json"))[sys.argv[1]])' "$1"; }
same "as its own user" "$(id -u mongodb)" started uid
same "without any capability" 0000000000000000 started capabilities
same "from the file that is ours" "['--config', '/etc/mongod.conf']" started arguments
same "members of its set know each other by a file of its own" "mongodb 400" stat -c '%U %a' /etc/mongodb/keyfile
same "whose directory it cannot change" "root mongodb 750" stat -c '%U %G %a' /etc/mongodb
same "its key is not for everybody" "root mongodb 640" stat -c '%U %G %a' /etc/mongodb/tls/192.0.2.1.pem
before=$(sha256sum /etc/mongodb/keyfile /etc/mongodb/tls/*)
expect "it comes back when it is killed" timeout 60 sh -c \
  'kill -9 $(systemctl show -P MainPID mongod.service); sleep 1; until ss -Hltn "sport = 27017" | grep -q 192.0.2.1; do sleep 0.5; done'
same "with the same key file and certificate" "$before" sha256sum /etc/mongodb/keyfile /etc/mongodb/tls/*
expect "what the server refuses is not taken" sh -c \
  'echo "nonsense: 1" > /tmp/wrong.conf; ! mongod --config /tmp/wrong.conf --outputConfig >/dev/null 2>&1'

# Who gets in.
certificate=/etc/mongodb/tls/192.0.2.1.crt
from() { inside timeout 10 openssl s_client -quiet -verify_return_error -verify_ip 192.0.2.1 -connect 192.0.2.1:27017 -CAfile "$1" 2>&1; }
has "the app host elsewhere knows by TLS whom it talks to" stand-in from "$certificate"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=x -keyout /dev/null -out /tmp/other.crt 2>/dev/null
has "a server with another certificate is not believed" "verify error" from /tmp/other.crt
has "loopback is in it as well: from there the server is set up" stand-in timeout 10 openssl s_client -quiet \
  -verify_return_error -verify_ip 127.0.0.1 -connect 127.0.0.1:27017 -CAfile "$certificate"
inside ip addr del 192.0.2.10/24 dev try1
refuse "a stranger does not even reach the port" inside timeout 3 bash -c 'exec 3<>/dev/tcp/192.0.2.1/27017'

# What the agent asks its shell for.
agent() { echo "{\"protocol\":1,\"app\":\"my-shop\",\"by\":\"verify\"$2}" | vpsdeploy-agent "$1"; }
login() { agent service ',"service":"mongodb","password":"the-right-one-of-the-app"'; }
has "the agent makes the replica set and the app's user" '"changed":["replica set rs0","user my_shop"]' login
expect "with the app's password on standard input" grep -q the-right-one-of-the-app /var/lib/stand-in/script
refuse "and in no argument" grep -q -e the-right-one -e mongodb: /var/lib/stand-in/arguments
has "and tells how it is" '"version":"8.0.16"' agent services
has "with what it is set to" '"waits":[]' agent services
dumped() { agent db-dump ',"service":"mongodb"' | python3 -c "
import gzip, sys
data = sys.stdin.buffer.read()
begin = data.index(b'\x1f\x8b')
print(gzip.GzipFile(fileobj=__import__('io').BytesIO(data[begin:])).read(19)[4:].decode())"; }
same "a dump of the app's database is handed out" "of the stand-in" dumped
has "with the login in a file" '"--config=/etc/vpsdeploy/services/mongodb.yml", "--db=my_shop"' cat /var/lib/stand-in/dump
same "its administrator is root's alone" "root 600 root 600" sh -c \
  'echo $(stat -c "%U %a" /etc/vpsdeploy/services/mongodb.env /etc/vpsdeploy/services/mongodb.yml)'
refuse "no password is in the journal" sh -c 'journalctl -q --no-pager | grep -q the-right-one-of-the-app'
same "its shell tells nobody and keeps nothing" "false true 0" sh -c \
  "echo \$(sed -nE 's/^  (enableTelemetry|disableLogging|historyLength): //p' /etc/mongosh.conf)"
score=$(systemd-analyze security --no-pager mongod.service | sed -n 's/.*level for [^:]*: \([0-9.]*\) .*/\1/p')
expect "its sandbox holds ($score)" awk "BEGIN { exit !($score <= 3.5) }"
same "it is started at boot" enabled systemctl is-enabled mongod.service
ip link del try0; ip netns del neighbour
same "nothing failed" "" systemctl list-units --failed --no-legend --plain
