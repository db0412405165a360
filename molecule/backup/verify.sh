unit=vpsdeploy-backup-my-shop
agent() { echo "{\"protocol\":1,\"app\":\"my-shop\",\"by\":\"verify\"$2}" | vpsdeploy-agent "$1"; }
state() { python3 -c "import json; known = json.load(open('/var/lib/vpsdeploy/my-shop/backup/state.json')); print($1)"; }
sql() { runuser -u postgres -- psql -qAt -d shop -c "$1"; }
cd /
same "restic is there" 0 sh -c 'restic version >/dev/null; echo $?'
same "the timers are armed" "active active" sh -c "echo \$(systemctl is-active $unit.timer vpsdeploy-backup-drill-my-shop.timer)"
same "and so they are after a boot" "enabled enabled" \
  sh -c "echo \$(systemctl is-enabled $unit.timer vpsdeploy-backup-drill-my-shop.timer)"
same "no log of a database is sent where nobody wants it" inactive systemctl is-active vpsdeploy-wal-my-shop.timer
expect "systemd takes its units" systemd-analyze verify $unit.service $unit.timer
same "a backup gives way" "vpsdeploy.slice 10 10 15" \
  sh -c "echo \$(systemctl show -P Slice -P CPUWeight -P IOWeight -P Nice $unit.service)"
same "and so does a drill" vpsdeploy.slice systemctl show -P Slice vpsdeploy-backup-drill-my-shop.service
same "the settings are root's own" "600 root" stat -c '%a %U' /etc/vpsdeploy/backup/my-shop.json

refuse "without keys there is no backup" systemctl start $unit.service
has "which says so" "no keys for its backups" state "known['last']['why']"
agent backup-keys ',"keys":{"password":"molecule-canary"}' >/dev/null
same "keys are root's own" "600 root 700" sh -c 'echo $(stat -c "%a %U" /etc/vpsdeploy/backup/my-shop/password) $(stat -c %a /etc/vpsdeploy/backup/my-shop)'

# A database of Debian's own, as the role postgresql leaves it.
apt-get install -y -qq --no-install-recommends postgresql procps >/dev/null 2>&1
expect "PostgreSQL starts" timeout 60 sh -c 'until runuser -u postgres -- psql -qc "SELECT 1" >/dev/null 2>&1; do sleep 0.2; done'
runuser -u postgres -- psql -q -c 'CREATE ROLE shop LOGIN' -c 'CREATE DATABASE shop OWNER shop'
sql "CREATE TABLE users (id serial PRIMARY KEY, name text); INSERT INTO users (name) SELECT 'u' || g FROM generate_series(1, 5000) g;
ALTER TABLE users OWNER TO shop"
mkdir -p /etc/vpsdeploy/services
echo '{"service":"postgresql","app":"my-shop","version":"x","port":5432,"database":"shop","user":"shop"}' \
  > /etc/vpsdeploy/services/postgresql.json
mkdir -p /srv/my-shop/shared/uploads/cache /mnt/small
for n in 1 2 3; do echo "upload $n" > /srv/my-shop/shared/uploads/$n.txt; done
head -c 300000 /dev/urandom > /srv/my-shop/shared/uploads/photo
echo waste > /srv/my-shop/shared/uploads/cache/x
chown -R my-shop:my-shop /srv/my-shop/shared

# A target that is full, beside one that is not.
mount -t tmpfs -o size=64k tmpfs /mnt/small
refuse "a backup that does not arrive everywhere has failed" systemctl start $unit.service
has "it says which target is full" "small: " state "known['last']['why']"
has "and that it is full" "the target is full" state "known['last']['why']"
same "the other one has it" "['disk']" state "list(known['last']['targets'])"
umount /mnt/small && rm -rf /mnt/small/*
expect "with room it goes to both" systemctl start $unit.service
same "which is noted" "done ['disk', 'small']" state "known['last']['result'], sorted(known['targets'])"
same "nothing is left of it" "mutex state.json" sh -c 'echo $(ls /var/lib/vpsdeploy/my-shop/backup)'
has "until it was restored it is unproven" "disk: unproven" agent facts
expect "the drill restores it" systemctl start vpsdeploy-backup-drill-my-shop.service
same "every row came back" "5000 1" state "known['targets']['disk']['drilled']['databases'][0]['rows'], known['targets']['disk']['drilled']['checks']"
refuse "then nothing is unproven" sh -c "echo '{\"protocol\":1,\"app\":\"my-shop\"}' | vpsdeploy-agent facts | grep -q unproven"
same "its database is gone" "" runuser -u postgres -- psql -qAtc "SELECT datname FROM pg_database WHERE datname LIKE '%drill%'"
has "what is excluded is not in it" '"more":0' agent backup-show ',"below":"/srv/my-shop/shared/uploads"'
refuse "the cache is not" sh -c "echo '{\"protocol\":1,\"app\":\"my-shop\",\"below\":\"/srv/my-shop/shared/uploads\"}' | vpsdeploy-agent backup-show | grep -q cache/x"

# What people lose, and get back.
rm /srv/my-shop/shared/uploads/2.txt
has "one file comes back" "uploads/2.txt: 1 files" agent restore ',"path":"uploads/2.txt"'
same "as its app's own" "upload 2 my-shop" sh -c 'echo $(cat /srv/my-shop/shared/uploads/2.txt) $(stat -c %U /srv/my-shop/shared/uploads/2.txt)'
sql "DELETE FROM users WHERE id > 100"
has "a table comes back beside it" "users: 5000 rows" agent restore ',"table":"users"'
same "the real one is as it was" 100 sql "SELECT count(*) FROM users"
has "a database in use is not replaced" "is in use" agent restore ',"database":"shop"'
has "unless one insists" "database shop: 1 tables, 5000 rows" agent restore ',"database":"shop","force":true'
same "then every row is there" 5000 sql "SELECT count(*) FROM users"
same "it is the app's" shop sql "SELECT tableowner FROM pg_tables WHERE tablename = 'users'"
has "what was there before is kept" "PostgreSQL custom database dump" \
  sh -c 'head -c 5 /var/lib/vpsdeploy/my-shop/backup/replaced/shop-*.dump | grep -q PGDMP && echo PostgreSQL custom database dump'
runuser -u postgres -- psql -qc 'DROP DATABASE shop'
has "a database that is gone comes back" "database shop" agent restore ',"database":"shop"'
same "whole" 5000 sql "SELECT count(*) FROM users"

# What goes wrong.
cp -a /etc/vpsdeploy/backup/my-shop/password /root/password
echo other > /etc/vpsdeploy/backup/my-shop/password
refuse "with another password there is no backup" systemctl start $unit.service
has "which says so" "the repository has another password" state "known['last']['why']"
cp -a /root/password /etc/vpsdeploy/backup/my-shop/password
mv /mnt/backups /mnt/elsewhere
refuse "a repository that is gone is not made anew" systemctl start $unit.service
has "which says why" "there is no repository" state "known['last']['why']"
rm -rf /mnt/backups && mv /mnt/elsewhere /mnt/backups
systemctl stop postgresql
refuse "without its database there is no backup" systemctl start $unit.service
systemctl start postgresql
expect "PostgreSQL is back" timeout 60 sh -c 'until runuser -u postgres -- psql -qc "SELECT 1" >/dev/null 2>&1; do sleep 0.2; done'
head -c 60000000 /dev/urandom > /srv/my-shop/shared/uploads/large
systemctl start --no-block $unit.service
expect "a backup is under way" timeout 30 sh -c 'until pgrep -x restic >/dev/null; do sleep 0.05; done'
has "a second one says so" "another backup, drill or restore is running" agent backup
systemctl kill --signal=KILL --kill-whom=all $unit.service
# "deactivating" is no end: what is started then fails with it, or waits for ever.
expect "one that was killed" timeout 20 sh -c "until [ \$(systemctl is-active $unit.service) = failed ]; do sleep 0.1; done"
expect "keeps the next from nothing" systemctl start $unit.service
pack=$(find /mnt/backups -path '*/data/*' -type f -size +200k | head -1)
cp -a "$pack" /root/pack
chmod u+w "$pack" && printf 'XXXXXXXX' | dd of="$pack" bs=1 seek=5000 conv=notrunc status=none
has "flipped bytes are found" "the repository is damaged" agent backup-verify ',"target":"disk"'
has "and told until they are mended" "the repository is damaged" agent facts
cp -a /root/pack "$pack"
has "then it is good again" '"verified":["disk"]' agent backup-verify ',"target":"disk"'
has "an old one is let go of" '"before"' agent backup-prune ',"target":"disk"'

# Redis beside it, as its role leaves it.
apt-get install -y -qq --no-install-recommends redis-server >/dev/null 2>&1
printf '%s\n' 'unixsocket /run/redis/redis-server.sock' 'unixsocketperm 700' 'appendonly yes' \
  'user vpsdeploy on >redis-canary ~* &* +@all' >> /etc/redis/redis.conf
systemctl restart redis-server
printf '%s\n' REDISCLI_AUTH=redis-canary REDIS_USER=vpsdeploy REDIS_SOCKET=/run/redis/redis-server.sock > /etc/vpsdeploy/services/redis.env
echo '{"service":"redis","app":"my-shop","version":"x","port":6379}' > /etc/vpsdeploy/services/redis.json
expect "Redis starts" timeout 30 sh -c 'until redis-cli ping >/dev/null 2>&1; do sleep 0.2; done'
redis-cli eval "for i = 1, 3000 do redis.call('set', 'k' .. i, i) end redis.call('set', 'soon', 1, 'EX', 900)" 0 >/dev/null
expect "both are backed up" systemctl start $unit.service
has "with every key" '"keys":3001' agent backup-show
expect "both are proven" systemctl start vpsdeploy-backup-drill-my-shop.service
redis-cli flushall >/dev/null && redis-cli set later 1 >/dev/null
has "data in use are not replaced" "the data of Redis are in use" agent restore ',"database":"redis"'
has "unless one insists" "redis: 3001 keys" agent restore ',"database":"redis","force":true'
same "then every key is there, and none of later" "3000 0" sh -c 'echo $(redis-cli get k3000) $(redis-cli exists later)'
same "it is nobody's replica" "role:master" sh -c "redis-cli info replication | tr -d '\\r' | grep ^role"
systemctl restart redis-server
expect "it comes back" timeout 30 sh -c 'until redis-cli ping 2>/dev/null | grep -q PONG; do sleep 0.2; done'
same "with the same after a restart" 3001 redis-cli dbsize
same "no server is left over" 1 sh -c 'pgrep -c redis-server'
same "no secret is in the journal" "" sh -c 'journalctl --no-pager -q | grep -E "molecule-canary|redis-canary"'
systemctl reset-failed
