# Neighbours in a network of their own: 192.0.2.10 is the app host elsewhere, 192.0.2.66 a stranger.
ip netns add neighbour 2>/dev/null && ip link add try0 type veth peer name try1 netns neighbour
ip addr del 192.0.2.1/32 dev lo 2>/dev/null; ip addr replace 192.0.2.1/24 dev try0 && ip link set try0 up
inside() { ip netns exec neighbour "$@"; }
inside sh -c 'ip addr replace 192.0.2.10/24 dev try1; ip addr replace 192.0.2.66/24 dev try1; ip link set try1 up; ip link set lo up'
expect "it starts with an address that has come" systemctl restart rabbitmq-server.service
control() { rabbitmqctl --quiet "$@"; }
same "nobody is in it before the agent comes: no guest either" "" control list_users --no-table-headers
same "the app's virtual host is" my_shop control list_vhosts --no-table-headers

# What the agent does: the app's user, whose password is told as a digest, with every right in its own virtual host.
cat > /run/try.json <<'END'
{"users": [{"name": "my_shop", "tags": [], "hashing_algorithm": "rabbit_password_hashing_sha256",
            "password_hash": "DIGEST"}],
 "permissions": [{"user": "my_shop", "vhost": "my_shop", "configure": ".*", "write": ".*", "read": ".*"}]}
END
python3 - <<'END'
import base64, hashlib, pathlib
file, salt = pathlib.Path("/run/try.json"), b"salt"
digest = base64.b64encode(salt + hashlib.sha256(salt + b"the-right-one").digest()).decode()
file.write_text(file.read_text().replace("DIGEST", digest))
END
expect "it takes the app's user" control import_definitions /run/try.json
expect "and knows it soon" timeout 20 sh -c 'until rabbitmqctl --quiet list_users | grep -q my_shop; do sleep 0.5; done'
certificate=/etc/rabbitmq/tls/192.0.2.1.crt
# A login as clients send it (PLAIN), and what the server says: its next method is tune, or it closes. AMQP 0-9-1.
cat > /tmp/amqp.py <<'END'
import socket, ssl, struct, sys
address, word, trusted = sys.argv[1:4]
def method():
    kind, _, size = struct.unpack(">BHI", exactly(7))
    payload = exactly(size + 1)
    return struct.unpack(">HH", payload[:4])
def exactly(count):
    data = b""
    while len(data) < count:
        try:
            part = link.recv(count - len(data))
        except ConnectionResetError:
            part = b""
        if not part:
            sys.exit("refused")
        data += part
    return data
def send(one, two, body):
    payload = struct.pack(">HH", one, two) + body
    link.sendall(struct.pack(">BHI", 1, 0, len(payload)) + payload + b"\xce")
link = socket.create_connection((address, 5672), 4)
if trusted:
    link = ssl.create_default_context(cafile=trusted).wrap_socket(link, server_hostname=address)
link.sendall(b"AMQP\0\0\x09\x01")
assert method() == (10, 10)
answer = b"\0my_shop\0" + word.encode()
send(10, 11, struct.pack(">I", 0) + b"\x05PLAIN" + struct.pack(">I", len(answer)) + answer + b"\x05en_US")
if method() != (10, 30):
    sys.exit("refused")
send(10, 31, struct.pack(">HIH", 1, 131072, 0))
send(10, 40, b"\x07my_shop\0\0")
print("in" if method() == (10, 41) else "refused")
END
here() { python3 /tmp/amqp.py 127.0.0.1 "$1" "" 2>&1; }
from() { inside python3 /tmp/amqp.py 192.0.2.1 "$1" "$2" 2>&1; }
same "the app gets in by loopback with its password" in here the-right-one
same "nobody gets in with another one" refused here a-wrong-one
same "the app host elsewhere gets in by TLS, and knows whom it talks to" in from the-right-one "$certificate"
same "not with another password" refused from a-wrong-one "$certificate"
refuse "not without TLS: a password would be read on its way" from the-right-one ""
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=x -keyout /dev/null -out /tmp/other.crt 2>/dev/null
has "a server with another certificate is not believed" "certificate verify failed" from the-right-one /tmp/other.crt
inside ip addr del 192.0.2.10/24 dev try1
refuse "a stranger does not even reach the port" inside timeout 3 bash -c 'exec 3<>/dev/tcp/192.0.2.1/5672'
inside ip addr replace 192.0.2.10/24 dev try1
listeners() { ss -Hltnp | grep -E 'beam|epmd|"systemd"|:(4369|5672|15672|25672) ' | awk '{print $4}' | grep -v ':22$' | sort -u | tr '\n' ' '; }
same "it listens on loopback, and the private address for clients only: epmd and Erlang's own port too" \
  "127.0.0.1:15672 127.0.0.1:25672 127.0.0.1:4369 127.0.0.1:5672 192.0.2.1:5672 " listeners
has "the app has no business with the management" "HTTP Error 401" python3 -c "import urllib.request as u
u.urlopen(u.Request('http://127.0.0.1:15672/api/overview', headers={'Authorization': 'Basic bXlfc2hvcDp0aGUtcmlnaHQtb25l'}))"

figure() { control eval "$1."; }
same "three quarters of the memory are its limit" 201326592 figure 'vm_memory_monitor:get_memory_limit()'
same "so much space is left on its disk" 536870912 figure 'rabbit_disk_monitor:get_disk_free_limit()'
same "the node keeps its name when the host gets another" '"rabbit@localhost"' figure 'atom_to_list(node())'

# A durable message outlives the server's death.
control eval 'Q = rabbit_misc:r(<<"my_shop">>, queue, <<"kept">>), rabbit_amqqueue:declare(Q, true, false, [], none, <<"verify">>), ok.' >/dev/null
expect "it comes back when it is killed" timeout 90 sh -c \
  'kill -9 $(systemctl show -P MainPID rabbitmq-server.service); sleep 1; until systemctl is-active rabbitmq-server.service; do sleep 0.5; done'
same "with its queue" kept control list_queues --vhost my_shop --no-table-headers name
same "and its users" my_shop sh -c "rabbitmqctl --quiet list_users --no-table-headers | cut -f1"

same "its key is not for everybody" "root rabbitmq 640" stat -c '%U %G %a' "${certificate%crt}key"
same "nor is its configuration" "drwxr-x---" stat -c %A /etc/rabbitmq
same "nor the nodes' common secret" "rabbitmq 400" stat -c '%U %a' /var/lib/rabbitmq/.erlang.cookie
same "what it is stands in a file of root's" "root 600" stat -c '%U %a' /etc/vpsdeploy/services/rabbitmq.json
score=$(systemd-analyze security --no-pager rabbitmq-server.service | sed -n 's/.*level for [^:]*: \([0-9.]*\) .*/\1/p')
expect "its sandbox holds ($score)" awk "BEGIN { exit !($score <= 2.5) }"
refuse "no password is in its log" grep -r the-right-one /var/log/rabbitmq
same "it is started at boot" "enabled enabled" sh -c 'echo $(systemctl is-enabled epmd.socket rabbitmq-server.service)'
ip link del try0; ip netns del neighbour
same "nothing failed" "" systemctl list-units --failed --no-legend --plain
