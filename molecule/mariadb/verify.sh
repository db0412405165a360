# Neighbours in a network of their own: 192.0.2.10 is the app host elsewhere, 192.0.2.66 a stranger.
ip netns add neighbour 2>/dev/null && ip link add try0 type veth peer name try1 netns neighbour
ip addr del 192.0.2.1/32 dev lo 2>/dev/null; ip addr replace 192.0.2.1/24 dev try0 && ip link set try0 up
inside() { ip netns exec neighbour "$@"; }
inside sh -c 'ip addr replace 192.0.2.10/24 dev try1; ip addr replace 192.0.2.66/24 dev try1; ip link set try1 up'
ip addr del 192.0.2.1/24 dev try0
expect "it starts before its address is there" systemctl restart mariadb.service
ip addr replace 192.0.2.1/24 dev try0

cd /
agent() { echo "{\"protocol\":1,\"app\":\"my-shop\",\"by\":\"verify\"$2}" | vpsdeploy-agent "$1"; }
admin() { mariadb --protocol=socket -NBe "$1"; }
sql() { mariadb --protocol=socket -NB my_shop -e "$1"; }
word=the-right-one-of-the-app
login() { agent service ",\"service\":\"mariadb\",\"password\":\"$word\""; }
has "the agent makes the app's database and its user" '"changed":["database my_shop","user my_shop"]' login
has "a second time there is nothing to do" '"changed":[]' login
admin "ALTER USER my_shop@'127.0.0.1' IDENTIFIED BY 'another'; CREATE USER my_shop@'192.0.2.99'; SET GLOBAL max_connections = 50"
has "what differs is put right" '"changed":["user my_shop","max_connections"]' login
same "an account of a host that left is locked" 1 admin \
  "SELECT JSON_VALUE(Priv, '\$.account_locked') FROM mysql.global_priv WHERE Host = '192.0.2.99'"
has "it says how it is" '"running":true' agent services
has "and nothing waits for a restart" '"waits":[]' agent services

certificate=/etc/mysql/tls/192.0.2.1.crt
# as PASSWORD HOST…: a row is stored and read back.
as() { given=$1 host=$2; shift 2; MYSQL_PWD=$given mariadb --no-defaults --skip-ssl-verify-server-cert -h "$host" -u my_shop "$@" my_shop \
  -NBe "CREATE TABLE IF NOT EXISTS t (n int); SELECT 'in'"; }
from() { given=$1; shift; inside env MYSQL_PWD="$given" mariadb --no-defaults -h 192.0.2.1 -u my_shop "$@" my_shop -NBe "SELECT 'in'"; }
same "root gets in by the socket" 1 admin "SELECT 1"
refuse "nobody else does" runuser -u nobody -- mariadb --protocol=socket -u root -NBe "SELECT 1"
same "the app gets in by loopback with its password, by TLS" in as "$word" 127.0.0.1 --ssl
same "over IPv6 too" in as "$word" ::1 --ssl
refuse "nobody gets in with another one" as a-wrong-one 127.0.0.1 --ssl
refuse "nor without" as "" 127.0.0.1 --ssl
may() { MYSQL_PWD=$word mariadb --no-defaults --skip-ssl-verify-server-cert --ssl -h 127.0.0.1 -u my_shop -NBe "$1"; }
admin "CREATE DATABASE IF NOT EXISTS myxshop"
refuse "nor into another database" may "USE mysql"
refuse "nor into one whose name is nearly the same" may "USE myxshop"
refuse "nor reads files of the host" may "SELECT LOAD_FILE('/etc/passwd') INTO OUTFILE '/tmp/x'"
same "the app host elsewhere gets in, and knows whom it talks to" in \
  from "$word" --ssl-ca="$certificate" --ssl-verify-server-cert
refuse "not without TLS" from "$word" --skip-ssl
refuse "nor with another password" from a-wrong-one --ssl-ca="$certificate" --ssl-verify-server-cert
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=x -keyout /dev/null -out /tmp/other.crt 2>/dev/null
refuse "a server with another certificate is not believed" from "$word" --ssl-ca=/tmp/other.crt --ssl-verify-server-cert
inside ip addr del 192.0.2.10/24 dev try1
refuse "a stranger does not even reach the port" inside timeout 3 bash -c 'exec 3<>/dev/tcp/192.0.2.1/3306'
inside ip addr replace 192.0.2.10/24 dev try1
listeners() { ss -Hltn 'sport = 3306' | awk '{print $4}' | sort | tr '\n' ' '; }
same "it listens on loopback and the private address" "127.0.0.1:3306 192.0.2.1:3306 [::1]:3306 " listeners
same "half of the memory is its cache" 150994944 admin "SELECT @@innodb_buffer_pool_size"
same "the app's connections and some for backups" 100 admin "SELECT @@max_connections"
same "every letter has its place" utf8mb4_unicode_ci admin "SELECT @@collation_server"
same "a table without a word has it too" utf8mb4_unicode_ci admin "CREATE OR REPLACE TABLE my_shop.t (n text);
  SELECT TABLE_COLLATION FROM information_schema.TABLES WHERE TABLE_NAME = 't'"
same "files of the client are not read into tables" 0 admin "SELECT @@local_infile"
same "patterns work in its sandbox" 1 admin "SELECT 'a1' REGEXP '^[a-z][0-9]$'"
same "its cache grows while it runs" 201326592 admin "SET GLOBAL innodb_buffer_pool_size = 201326592; SELECT @@innodb_buffer_pool_size"
has "and is what it is to be after the next look" '"changed":["innodb_buffer_pool_size"]' login
same "its key is not for everybody" "root mysql 640" stat -c '%U %G %a' "${certificate%crt}key"
same "what it is stands in a file of root's" "root 600" stat -c '%U %a' /etc/vpsdeploy/services/mariadb.json
score=$(systemd-analyze security --no-pager mariadb.service | sed -n 's/.*level for [^:]*: \([0-9.]*\) .*/\1/p')
expect "its sandbox holds ($score)" awk "BEGIN { exit !($score <= 2.0) }"

# Backups: of a database that has all that one can have.
agent backup-keys ',"keys":{"password":"molecule-canary"}' >/dev/null
unit=vpsdeploy-backup-my-shop
state() { python3 -c "import json; known = json.load(open('/var/lib/vpsdeploy/my-shop/backup/state.json')); print($1)"; }
MYSQL_PWD=$word mariadb --no-defaults --skip-ssl-verify-server-cert --ssl -h 127.0.0.1 -u my_shop my_shop <<'SQL'
CREATE TABLE orders (id bigint AUTO_INCREMENT PRIMARY KEY, note text, made_at timestamp(6) DEFAULT now(6), raw blob,
  length int GENERATED ALWAYS AS (char_length(note)) STORED);
CREATE TABLE parts (order_id bigint, n int, FOREIGN KEY (order_id) REFERENCES orders (id));
CREATE TABLE seen (n int) ENGINE=Aria;
CREATE TABLE `odd ``name` (n int);
CREATE SEQUENCE numbers;
INSERT INTO orders (note, raw) SELECT concat('it''s; ),(\n(', seq), unhex('00ff0a0d27') FROM seq_1_to_5000;
INSERT INTO parts SELECT id, 1 FROM orders;
CREATE FUNCTION twice(x int) RETURNS int DETERMINISTIC RETURN 2 * x;
CREATE VIEW counted AS SELECT twice(count(*)) / 2 AS how_many FROM orders;
CREATE TRIGGER look AFTER INSERT ON orders FOR EACH ROW INSERT INTO seen VALUES (1);
CREATE EVENT forget ON SCHEDULE EVERY 1 DAY DO DELETE FROM seen;
ALTER DATABASE my_shop COLLATE utf8mb4_general_ci;
SQL
writing() { yes "START TRANSACTION; INSERT INTO orders (note) VALUES (repeat('x', 500));
INSERT INTO parts SELECT last_insert_id(), seq FROM seq_1_to_3; COMMIT;" | timeout 30 mariadb my_shop; }
writing >/dev/null 2>&1 & writer=$!
for _ in 1 2 3; do expect "a backup is made while rows are written" systemctl start $unit.service; done
kill $writer; pkill -x yes
expect "it is proven, with the rows of its own moment" systemctl start vpsdeploy-backup-drill-my-shop.service
same "and the questions, of a view of the app's too" "2 5" state \
  "known['targets']['disk']['drilled']['checks'], known['targets']['disk']['drilled']['databases'][0]['tables']"
same "nothing of the drill is left" "" admin "SELECT CONCAT(User, Db) FROM mysql.db WHERE Db LIKE '%drill%' OR User LIKE 'vpsdeploy%'
  UNION SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME LIKE '%drill%'
  UNION SELECT User FROM mysql.global_priv WHERE User LIKE 'vpsdeploy%'"
sql "DELETE FROM parts; DELETE FROM orders; DELETE FROM seen"
sql "INSERT INTO orders (id, note) VALUES (1, 'first')" && sql "INSERT INTO parts SELECT 1, seq FROM seq_1_to_5000"
expect "of what is there now" systemctl start $unit.service

sql "DELETE FROM parts WHERE n > 100"
has "a table comes back beside it" "parts: 5000 rows" agent restore ',"table":"parts"'
same "the real one is as it was" 100 sql "SELECT count(*) FROM parts"
has "one with triggers is not replaced" "has triggers" agent restore ',"table":"orders","force":true'
sleep 1
has "one without is" "parts: 5000 rows" agent restore ',"table":"parts","force":true'
same "with every row" 5000 sql "SELECT count(*) FROM parts"
sql "INSERT INTO orders (note) VALUES ('later')"
has "a database in use is not replaced" "is in use" agent restore ',"database":"my_shop"'
has "nor the server's own" "own database" agent restore ',"database":"my_shop","into":"mysql","force":true'
has "unless one insists" "database my_shop: 5 tables, 5002 rows" agent restore ',"database":"my_shop","force":true'
same "then what came later is gone" 0 sql "SELECT count(*) FROM orders WHERE note = 'later'"
has "and kept" later sh -c 'grep -ah later /var/lib/vpsdeploy/my-shop/backup/replaced/my_shop-*.sql'
same "the app gets in again" in as "$word" 127.0.0.1 --ssl
same "views and functions work" 1.0000 sql "SELECT how_many FROM counted"
same "as the app, wherever it came from" "my_shop@127.0.0.1" sql "SELECT DISTINCT DEFINER FROM information_schema.TRIGGERS
  WHERE TRIGGER_SCHEMA = 'my_shop' UNION SELECT DEFINER FROM information_schema.VIEWS WHERE TABLE_SCHEMA = 'my_shop'"
same "triggers too" 2 sql "INSERT INTO orders (note) VALUES ('x'); SELECT count(*) FROM seen"
refuse "and keys" sql "INSERT INTO parts VALUES (99999, 1)"
same "events and sequences are there" "forget 1" sh -c \
  'echo $(mariadb -NB my_shop -e "SELECT EVENT_NAME FROM information_schema.EVENTS; SELECT nextval(numbers)")'
has "beside the real one, the app may enter it" "database yesterday" agent restore ',"database":"my_shop","into":"yesterday"'
same "in the one beside" 1 may "SELECT count(*) FROM yesterday.orders"
admin "DROP DATABASE my_shop; DROP USER my_shop@'192.0.2.10'"
has "a database that is gone comes back" "database my_shop: 5 tables" agent restore ',"database":"my_shop"'
same "whole" 5000 sql "SELECT count(*) FROM parts"
systemctl stop mariadb
refuse "without its database there is no backup" systemctl start $unit.service
has "which says so" "MariaDB refused" state "known['last']['why']"
systemctl start mariadb

# A dump from elsewhere, whose trigger is root's there: here it would be root, too, of every database.
cat > /tmp/foreign.sql <<'SQL'
-- MariaDB dump 10.19  Distrib 10.6.0-MariaDB, for Linux (x86_64)
-- Server version	10.6.0-MariaDB
CREATE TABLE notes (n int);
DELIMITER ;;
HOW DEFINER=`root`@`localhost` TRIGGER dig BEFORE INSERT ON notes FOR EACH ROW INSERT INTO myxshop.loot SELECT Host FROM mysql.global_priv;;
DELIMITER ;
INSERT INTO notes VALUES (1);
-- Dump completed
SQL
admin "CREATE TABLE myxshop.loot (h text)"
load() { sed "s#HOW#$1#" /tmp/foreign.sql > /tmp/load.sql
  { printf '{"protocol":1,"app":"my-shop","by":"verify","into":"brought"}\n'; python3 -c "$framed"; } | vpsdeploy-agent db-load; }
framed='import struct, sys
data = open("/tmp/load.sql", "rb").read()
sys.stdout.buffer.write(struct.pack(">I", len(data)) + data + struct.pack(">I", 0))'
has "a trigger of root's is the guest's while it is loaded, who may not" "command denied to user" load CREATE
has "nor does it help to write it otherwise" "privilege" load 'CREATE OR REPLACE'
same "nothing was carried out beyond the one database" 0 admin "SELECT count(*) FROM myxshop.loot"
systemctl reset-failed

expect "it comes back when it is killed" timeout 30 sh -c \
  'kill -9 $(systemctl show -P MainPID mariadb.service); sleep 1; until systemctl is-active mariadb.service; do sleep 0.5; done'
same "with what was stored" 5000 sql "SELECT count(*) FROM parts"
same "nobody without a name is left in it" 0 admin "SELECT count(*) FROM mysql.global_priv WHERE User = ''"
same "no process of it is root's" mysql sh -c 'ps -o user= -p "$(systemctl show -P MainPID mariadb.service)"'
refuse "no password is in the journal" sh -c "journalctl --no-pager -q | grep -E '$word|molecule-canary'"
same "it is started at boot" enabled systemctl is-enabled mariadb.service
ip link del try0; ip netns del neighbour
same "nothing failed" "" systemctl list-units --failed --no-legend --plain
