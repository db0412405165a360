# Kafka itself is reached from no test: its archive is a stand-in here (archive.py), and so what is said about the server
# is what the role hands it and how the host holds it: files, user, sandbox, Java, addresses, firewall, its directory.
# Neighbours in a network of their own: 192.0.2.10 is the app host elsewhere, 192.0.2.66 a stranger.
ip netns add neighbour 2>/dev/null && ip link add try0 type veth peer name try1 netns neighbour
ip addr del 192.0.2.1/32 dev lo 2>/dev/null; ip addr replace 192.0.2.1/24 dev try0 && ip link set try0 up
inside() { ip netns exec neighbour "$@"; }
inside sh -c 'ip addr replace 192.0.2.10/24 dev try1; ip addr replace 192.0.2.66/24 dev try1; ip link set try1 up; ip link set lo up'

home=/opt/kafka_2.13-4.1.2 data=/var/lib/kafka/data certificate=/etc/kafka/tls/192.0.2.1.crt
export PYTHONPATH=$home/python PYTHONDONTWRITEBYTECODE=1
up() { timeout 60 sh -c 'until ss -Hltn "sport = 9092" | grep -q . && ss -Hltn "sport = 9094" | grep -q .; do sleep 0.1; done'; }
expect "it starts with an address that has come" systemctl restart kafka.service
expect "and listens" up

# What the agent does: the administrator's login out of its file, the app's user, the app's rights.
cat > /tmp/agent.py <<'PY'
import re, sys
from orchestrator.agent.kafka_admin import Admin, Right
from orchestrator.agent.kafka_connection import Connection
word = re.search(r'password="(\w+)"', open("/etc/kafka/admin.properties").read())[1]
with Connection("127.0.0.1", 9094, "vpsdeploy-admin", word, "PLAIN") as link:
    admin = Admin(link)
    admin.set_password("my_shop", sys.argv[1])
    admin.grant("my_shop", [Right(2, "*", 3, 2, 3)])
    print(admin.settings(1, ["num.partitions", "log.retention.bytes", "min.insync.replicas", "auto.create.topics.enable"]))
PY
# A client of one login: WORD CERTIFICATE.
cat > /tmp/app.py <<'PY'
import sys
from orchestrator.agent.kafka_connection import Connection
Connection("192.0.2.1", 9092, "my_shop", sys.argv[1], "SCRAM-SHA-512", sys.argv[2]).close()
print("logged in")
PY
as() { inside python3 /tmp/app.py "$@" 2>&1; }
has "nobody is in it before the agent comes" "Authentication failed" as the-right-one "$certificate"
has "its administrator is known on loopback, and its settings are ours" \
  "{'num.partitions': '6', 'log.retention.bytes': '178257920', 'auto.create.topics.enable': 'true', 'min.insync.replicas': '1'}" \
  python3 /tmp/agent.py the-right-one
has "the app host elsewhere gets in by TLS, and knows whom it talks to" "logged in" as the-right-one "$certificate"
has "nobody gets in with another password" "Authentication failed" as a-wrong-one "$certificate"
refuse "not without TLS: what follows the login would be read on its way" inside timeout 5 python3 /tmp/app.py the-right-one ""
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=x -keyout /dev/null -out /tmp/other.crt 2>/dev/null
has "a server with another certificate is not believed" "certificate verify failed" as the-right-one /tmp/other.crt
inside ip addr del 192.0.2.10/24 dev try1
refuse "a stranger does not even reach the port" inside timeout 3 bash -c 'exec 3<>/dev/tcp/192.0.2.1/9092'
inside ip addr replace 192.0.2.10/24 dev try1
refuse "nor anybody elsewhere the administrator's" inside timeout 3 bash -c 'exec 3<>/dev/tcp/192.0.2.1/9094'
listeners() { ss -Hltnp | grep -E ':(909[0-9]) ' | awk '{print $4}' | sort | tr '\n' ' '; }
same "it listens on the private address for the app, on loopback for us" "127.0.0.1:9094 192.0.2.1:9092 " listeners

# Its directory is made once, by itself, and never again over data.
same "its directory was made by its own user" kafka cat $data/formatted-by
cluster() { sed -n 's/^cluster.id=//p' $data/meta.properties; }
was=$(cluster)
expect "it starts again" sh -c 'systemctl restart kafka.service'
expect "and listens again" up
same "over the same directory" "$was" cluster
expect "its server wrote into it" test -e $data/written
mkdir -p /var/lib/vpsdeploy/services && touch /var/lib/vpsdeploy/services/kafka
systemctl stop kafka.service && mv $data /var/lib/kafka/away
refuse "where its data should be and are not, nothing is made" systemctl start kafka.service
systemctl stop kafka.service
has "and it says why" "a disk that is not mounted? Nothing was formatted." journalctl -u kafka.service -n 30 --no-pager -o cat
refuse "nothing is there" test -e $data
mv /var/lib/kafka/away $data && rm /var/lib/vpsdeploy/services/kafka
expect "with its data it starts" systemctl start kafka.service
expect "and serves" up
same "the same data" "$was" cluster
expect "it comes back when it is killed" sh -c 'kill -9 $(systemctl show -P MainPID kafka.service); sleep 1'
expect "and serves again" up

same "what is unpacked is root's" "root 755" stat -c '%U %a' $home/bin/kafka-server-start.sh
same "people find it" $home readlink /opt/kafka
same "its login is not for everybody" "root kafka 640" stat -c '%U %G %a' /etc/kafka/admin.jaas
same "nor is that of people" "root root 600" stat -c '%U %G %a' /etc/kafka/admin.properties
same "nor its key" "root kafka 640" stat -c '%U %G %a' /etc/kafka/tls/192.0.2.1.pem
same "nor its settings" "drwxr-x---" stat -c %A /etc/kafka
same "nor its data" "kafka drwx------" stat -c '%U %A' /var/lib/kafka
same "what it is stands in a file of root's" "root 600" stat -c '%U %a' /etc/vpsdeploy/services/kafka.json
word=$(sed -n 's/.*password="\([A-Za-z0-9]*\)".*/\1/p' /etc/kafka/admin.properties)
same "the administrator's password is a long one that begins with a letter" 43 expr length "$word"
refuse "no program shows it" sh -c "ps -eo args | grep -v grep | grep -q '$word'"
refuse "nor the journal" sh -c "journalctl -u kafka.service --no-pager -o cat | grep -qE '$word|the-right-one'"
heap() { tr '\0' ' ' < /proc/$(systemctl show -P MainPID kafka.service)/cmdline | grep -o -- '-Xmx[0-9]*m'; }
same "Java's heap is a part of what it may use" -Xmx240m heap
score=$(systemd-analyze security --no-pager kafka.service | sed -n 's/.*level for [^:]*: \([0-9.]*\) .*/\1/p')
expect "its sandbox holds ($score)" awk "BEGIN { exit !($score <= 2.5) }"
same "it is started at boot" enabled systemctl is-enabled kafka.service
ip link del try0; ip netns del neighbour
same "nothing failed" "" systemctl list-units --failed --no-legend --plain
