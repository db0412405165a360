# Neighbours in a network of their own: 192.0.2.10 is the app host elsewhere, 192.0.2.66 a stranger.
ip netns add neighbour 2>/dev/null && ip link add try0 type veth peer name try1 netns neighbour
ip addr del 192.0.2.1/32 dev lo 2>/dev/null; ip addr replace 192.0.2.1/24 dev try0 && ip link set try0 up
inside() { ip netns exec neighbour "$@"; }
inside sh -c 'ip addr replace 192.0.2.10/24 dev try1; ip addr replace 192.0.2.66/24 dev try1; ip link set try1 up; ip link set lo up'

# A client of one question: as WORD CERTIFICATE SUBJECT [JSON]; it prints the answer, or the server's refusal.
cat > /tmp/nats.py <<'END'
import json, socket, ssl, sys
user, word, trusted, subject = sys.argv[1:5]
payload = (sys.argv[5] if len(sys.argv) > 5 else "").encode()
link = socket.create_connection(("192.0.2.1", 4222), 4)
file = link.makefile("rb")
file.readline()
if trusted:
    link = ssl.create_default_context(cafile=trusted).wrap_socket(link, server_hostname="192.0.2.1")
    file = link.makefile("rb")
login = {"user": user, "pass": word, "verbose": False, "headers": True, "no_responders": True}
link.sendall(b"CONNECT %s\r\nSUB inbox 1\r\nPUB %s inbox %d\r\n%s\r\n" % (json.dumps(login).encode(), subject.encode(), len(payload), payload))
while line := file.readline().decode().strip():
    if line.startswith(("MSG", "HMSG")):
        print(file.read(int(line.split()[-1])).decode())
        sys.exit()
    if line.startswith("-ERR"):
        sys.exit(line)
sys.exit("closed")
END
certificate=/etc/nats/tls/192.0.2.1.crt
expect "it starts with an address that has come" systemctl restart nats-server.service
expect "and listens" timeout 20 sh -c 'until ss -Hltn "sport = 4222" | grep -q .; do sleep 0.1; done'
as() { user=$1 word=$2; shift 2; inside python3 /tmp/nats.py "$user" "$word" "$certificate" "$@" 2>&1; }
has "nobody is in it before the agent comes" "Authorization Violation" as my_shop the-right-one '$JS.API.INFO'
has "nor without a name" "Authorization Violation" as "" "" '$JS.API.INFO'

# What the agent writes: digests of two passwords; the server reads them again.
digest() { perl -e 'print crypt($ARGV[0], q($2b$04$9YjgfyPqkGD6HE3mb9Hz2e))' "$1"; }
printf 'authorization {\n  users: [\n    {user: "vpsdeploy", password: "%s"}\n    {user: "my_shop", password: "%s"}\n  ]\n}\n' \
  "$(digest the-administrator)" "$(digest the-right-one)" > /etc/nats/users.conf
expect "it takes its users while it runs" systemctl reload nats-server.service
sleep 0.5
has "the app host elsewhere gets in by TLS, and knows whom it talks to" '"streams":0' as my_shop the-right-one '$JS.API.INFO'
has "nobody gets in with another password" "Authorization Violation" as my_shop a-wrong-one '$JS.API.INFO'
refuse "not without TLS: a password would be read on its way" inside timeout 4 python3 /tmp/nats.py my_shop the-right-one "" '$JS.API.INFO'
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=x -keyout /dev/null -out /tmp/other.crt 2>/dev/null
has "a server with another certificate is not believed" "certificate verify failed" \
  sh -c 'ip netns exec neighbour python3 /tmp/nats.py my_shop the-right-one /tmp/other.crt \$JS.API.INFO 2>&1'
inside ip addr del 192.0.2.10/24 dev try1
refuse "a stranger does not even reach the port" inside timeout 3 bash -c 'exec 3<>/dev/tcp/192.0.2.1/4222'
inside ip addr replace 192.0.2.10/24 dev try1
listeners() { ss -Hltnp | grep nats-server | awk '{print $4}' | sort | tr '\n' ' '; }
same "it listens on the private address, and for us on loopback" "127.0.0.1:8222 192.0.2.1:4222 " listeners
told() { python3 -c "import urllib.request; print(urllib.request.urlopen('http://127.0.0.1:8222/varz').read().decode())"; }
has "its monitoring tells how it is" '"auth_required": true' told
hidden() { told | grep -cE 'the-right-one|[$]2b[$]'; }
same "and shows neither a password nor a digest" 0 hidden

limit() { told | python3 -c "import json, sys; print(json.load(sys.stdin)['jetstream']['config']['$1'])"; }
same "a quarter of the memory is for streams" 16777216 limit max_memory
same "so much of the disk is" 67108864 limit max_storage
has "the app makes a stream" '"type":"io.nats.jetstream.api.v1.stream_create_response"' as my_shop the-right-one '$JS.API.STREAM.CREATE.MAILS' \
  '{"name":"MAILS","subjects":["mails.>"],"storage":"file","retention":"limits","num_replicas":1}'
has "what it publishes is stored before it is told" '{"stream":"MAILS",' as my_shop the-right-one mails.new kept
has "beyond the disk's share nothing is taken" "insufficient storage resources" as my_shop the-right-one '$JS.API.STREAM.CREATE.HUGE' \
  '{"name":"HUGE","subjects":["huge.>"],"storage":"file","retention":"limits","num_replicas":1,"max_bytes":268435456}'
expect "it comes back when it is killed" timeout 30 sh -c \
  'kill -9 $(systemctl show -P MainPID nats-server.service); sleep 1; until ss -Hltn "sport = 4222" | grep -q .; do sleep 0.1; done'
has "with what was stored" '"messages":1' as my_shop the-right-one '$JS.API.STREAM.INFO.MAILS'

same "its key is not for everybody" "root nats 640" stat -c '%U %G %a' "${certificate%crt}key"
same "nor are its users" "drwxr-x---" stat -c %A /etc/nats
same "nor its data" "drwx------" stat -c %A /var/lib/nats
same "what it is stands in a file of root's" "root 600" stat -c '%U %a' /etc/vpsdeploy/services/nats.json
score=$(systemd-analyze security --no-pager nats-server.service | sed -n 's/.*level for [^:]*: \([0-9.]*\) .*/\1/p')
expect "its sandbox holds ($score)" awk "BEGIN { exit !($score <= 2.0) }"
refuse "no password is in its journal" sh -c 'journalctl -u nats-server.service --no-pager -o cat | grep -E "the-right-one|the-administrator"'
same "it is started at boot" enabled systemctl is-enabled nats-server.service
ip link del try0; ip netns del neighbour
same "nothing failed" "" systemctl list-units --failed --no-legend --plain
