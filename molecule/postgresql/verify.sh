# Neighbours in a network of their own: 192.0.2.10 is the app host elsewhere, 192.0.2.66 a stranger.
ip netns add neighbour 2>/dev/null && ip link add try0 type veth peer name try1 netns neighbour
ip addr del 192.0.2.1/32 dev lo 2>/dev/null; ip addr replace 192.0.2.1/24 dev try0 && ip link set try0 up
inside() { ip netns exec neighbour "$@"; }
inside sh -c 'ip addr replace 192.0.2.10/24 dev try1; ip addr replace 192.0.2.66/24 dev try1; ip link set try1 up'
unit=$(systemctl list-units --plain --no-legend 'postgresql@*-main.service' | cut -d' ' -f1)
expect "it starts with an address that has come" systemctl restart "$unit"

admin() { runuser -u postgres -- psql -XAtqc "$1" postgres; }
admin "DROP DATABASE IF EXISTS my_shop"
admin "DROP ROLE IF EXISTS my_shop; CREATE ROLE my_shop LOGIN PASSWORD 'the-right-one'" && admin "CREATE DATABASE my_shop OWNER my_shop"
certificate=/var/lib/postgresql/vpsdeploy-tls/192.0.2.1.crt
# as PASSWORD "CONNECTION…": a row is stored and read back.
as() { PGPASSWORD=$1 PGCONNECT_TIMEOUT=4 psql -XAtqw "user=my_shop dbname=my_shop $2" -c "CREATE TABLE IF NOT EXISTS t (n int); SELECT 'in'"; }
from() { inside env PGPASSWORD="$2" PGCONNECT_TIMEOUT=4 psql -XAtqw "user=my_shop dbname=my_shop hostaddr=192.0.2.1 host=192.0.2.1 $3" -c "SELECT 'in'"; }
same "the administrator gets in by the socket" 1 admin "SELECT 1"
same "the app gets in by loopback with its password" in as the-right-one host=127.0.0.1
same "over IPv6 too" in as the-right-one host=::1
refuse "nobody gets in with another one" as a-wrong-one host=127.0.0.1
refuse "nor without" as "" host=127.0.0.1
refuse "nor by the socket" as the-right-one host=/run/postgresql
refuse "nor into another database" as the-right-one "host=127.0.0.1 dbname=postgres"
refuse "nor as the administrator" as the-right-one "host=127.0.0.1 user=postgres"
same "the app host elsewhere gets in, and knows whom it talks to" in \
  from app the-right-one "sslmode=verify-full sslrootcert=$certificate"
refuse "not without TLS: a password would be read on its way" from app the-right-one sslmode=disable
refuse "nor with another one" from app a-wrong-one "sslmode=verify-full sslrootcert=$certificate"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=x -keyout /dev/null -out /tmp/other.crt 2>/dev/null
refuse "a server with another certificate is not believed" from app the-right-one "sslmode=verify-full sslrootcert=/tmp/other.crt"
inside ip addr del 192.0.2.10/24 dev try1
refuse "a stranger does not even reach the port" inside timeout 3 bash -c 'exec 3<>/dev/tcp/192.0.2.1/5432'
inside ip addr replace 192.0.2.10/24 dev try1

listeners() { ss -Hltn 'sport = 5432' | awk '{print $4}' | sort | tr '\n' ' '; }
same "it listens on loopback and the private address" "127.0.0.1:5432 192.0.2.1:5432 [::1]:5432 " listeners
same "passwords are kept as SCRAM" scram-sha-256 admin "SHOW password_encryption"
has "the app's is" SCRAM-SHA-256 admin "SELECT rolpassword FROM pg_authid WHERE rolname = 'my_shop'"
same "a third of the memory is its cache" 100MB admin "SHOW shared_buffers"
same "the app's connections and some for backups" 100 admin "SHOW max_connections"
same "no rule is wrong" 0 admin "SELECT count(*) FROM pg_hba_file_rules WHERE error IS NOT NULL"
same "nor waits a setting for a restart" 0 admin "SELECT count(*) FROM pg_settings WHERE pending_restart"
as the-right-one host=127.0.0.1 >/dev/null
PGPASSWORD=the-right-one psql -XAtqw "user=my_shop dbname=my_shop host=127.0.0.1" -c "SET log_min_duration_statement = 0" -c "SELECT 1" >/dev/null 2>&1
refuse "no password is in its log" grep -r the-right-one /var/log/postgresql

same "its key is its own" "postgres 600" stat -c '%U %a' "${certificate%crt}key"
same "what it is stands in a file of root's" "root 600" stat -c '%U %a' /etc/vpsdeploy/services/postgresql.json
same "for programs" "my-shop my_shop 5432" python3 -c \
  'import json; d = json.load(open("/etc/vpsdeploy/services/postgresql.json")); print(d["app"], d["database"], d["port"])'
same "no process of it is root's" "" sh -c "systemctl show -P MainPID $unit | xargs ps -o user= --ppid | grep -v postgres"
score=$(systemd-analyze security --no-pager "$unit" | sed -n 's/.*level for [^:]*: \([0-9.]*\) .*/\1/p')
expect "its sandbox holds ($score)" awk "BEGIN { exit !($score <= 2.0) }"
expect "it comes back when it is killed" timeout 30 sh -c \
  "kill -9 \$(systemctl show -P MainPID $unit); sleep 1; until systemctl is-active $unit; do sleep 0.5; done"
same "with what was stored" in as the-right-one host=127.0.0.1

# The log for point-in-time recovery: whole in the spool or not at all, and never at the price of the database.
spool=/var/lib/postgresql/vpsdeploy-wal archive=/usr/local/lib/vpsdeploy/archive-wal
same "the spool is the server's own" "postgres 700" stat -c '%U %a' $spool
as_server() { runuser -u postgres -- "$@"; }
admin "SELECT pg_switch_wal()" >/dev/null
admin "CREATE TABLE IF NOT EXISTS wal_try (n int); INSERT INTO wal_try VALUES (1)" >/dev/null
segment=$(admin "SELECT pg_walfile_name(pg_current_wal_lsn())")
admin "SELECT pg_switch_wal()" >/dev/null
expect "a finished segment comes into it" timeout 30 sh -c "until [ -e $spool/$segment ]; do sleep 0.1; done"
same "as the server has it" 16777216 stat -c %s "$spool/$segment"
same "nothing has failed" 0 admin "SELECT failed_count FROM pg_stat_archiver"
cp "$spool/$segment" /tmp/segment && chown postgres /tmp/segment
expect "the same one again is taken for kept" as_server $archive /tmp/segment "$segment"
printf X | dd of=/tmp/segment bs=1 seek=5000 conv=notrunc status=none
refuse "another one of its name overwrites nothing" as_server $archive /tmp/segment "$segment"
refuse "the spool still has the first one" cmp -s /tmp/segment "$spool/$segment"
expect "a base backup is let in over the socket" as_server pg_basebackup -D /tmp/base --checkpoint=fast --no-sync
rm -rf /tmp/base
mount -t tmpfs -o size=48m,uid=$(id -u postgres),mode=700 tmpfs $spool
expect "one that fits is kept" as_server $archive /tmp/segment 000000010000000000000AA1
has "one for which there is no room is let go of, so that the server goes on" "NOT kept" \
  sh -c "head -c 30000000 /dev/zero > $spool/waste; runuser -u postgres -- $archive /tmp/segment 000000010000000000000AA2 2>&1"
same "nothing is left of it" "000000010000000000000AA1 waste" sh -c "echo \$(ls -A $spool)"
umount $spool

# Once the app's data are here, what would break its connections waits for the next start.
mkdir -p /var/lib/vpsdeploy/services && touch /var/lib/vpsdeploy/services/postgresql
same "it is started at boot" enabled systemctl is-enabled postgresql.service
ip link del try0; ip netns del neighbour
same "nothing failed" "" systemctl list-units --failed --no-legend --plain
