# many CLIENT URL: the statuses that a client gets; [1-90] in the URL is ninety requests.
many() { client=$1; shift; curl -s -m 20 -o /dev/null -w '%{http_code}\n' -H "X-Forwarded-For: $client" "$@"; }
within() { timeout 20 sh -c "until nft list table inet f2b-table | grep -q '$1'; do sleep 0.3; done"; }
gone() { timeout 20 sh -c "while nft list table inet f2b-table | grep -q '$1'; do sleep 0.3; done"; }
expect "fail2ban finds its files right" fail2ban-client --test
same "it is started at boot" enabled systemctl is-enabled fail2ban.service
same "it runs" active systemctl is-active fail2ban.service
same "nobody is there to exchange bans with" inactive systemctl is-active vpsdeploy-bans.service
jails="nginx-bad-request nginx-botsearch nginx-http-auth nginx-limit-login nginx-limit-req recidive sshd"
for jail in $jails; do
  has "the jail $jail has its action" vpsdeploy fail2ban-client get "$jail" actions
done
same "it remembers longer than its longest ban" 2592000 sh -c "fail2ban-client get dbpurgeage | grep -o '[0-9]*'"

# What jails do with a ban, read back from the kernel.
fail2ban-client set sshd banip 203.0.113.1 >/dev/null
fail2ban-client set sshd banip 2001:db8:1:1::5 >/dev/null
fail2ban-client set recidive banip 203.0.113.2 >/dev/null
expect "an IPv4 address is dropped" within 203.0.113.1
expect "of IPv6 the whole /64 is" within 2001:db8:1:1::/64
expect "on all ports by recidive" within 'l4proto .*ip saddr @addr-set-recidive drop'
expect "on sshd's by sshd" within 'tcp dport 22 ip saddr @addr-set-sshd drop'
expect "a restart" systemctl restart fail2ban.service
expect "forgets nobody" within 203.0.113.2
expect "of neither family" within 2001:db8:1:1::/64
expect "a ban is lifted" fail2ban-client unban 2001:db8:1:1::5
expect "for the whole /64" gone 2001:db8:1:1::/64

# From a request to the firewall, on each way.
has "who asks too much gets 429" 429 many 203.0.113.10 'http://127.0.0.1/[1-90]'
expect "and is dropped" within 203.0.113.10
has "so is an IPv6 client" 429 many 2001:db8:2:2::9 'http://127.0.0.1/[1-90]'
expect "by its /64" within 2001:db8:2:2::/64
has "who guesses passwords gets 429 sooner" 429 many 203.0.113.11 -d x=1 'http://127.0.0.1/login?[1-40]'
expect "and is dropped" within 203.0.113.11
refuse "the owner is not limited" sh -c \
  'curl -s -o /dev/null -w "%{http_code} " -H "X-Forwarded-For: 198.51.100.7" "http://127.0.0.1/[1-90]" | grep 429'
refuse "nor is who logged in with a key" sh -c \
  'mkdir -p /var/lib/vpsdeploy/trusted; touch /var/lib/vpsdeploy/trusted/203.0.113.13
   curl -s -o /dev/null -w "%{http_code} " -H "X-Forwarded-For: 203.0.113.13" "http://127.0.0.1/[1-90]" | grep 429'

# line CLIENT PATH STATUS UPSTREAM: a line of the log as nginx writes it; there is no app here to answer 404.
log=/var/log/nginx/refused.log
line() {
  printf '{"time":"%s","id":"0123456789abcdef","address":"%s","client":"%s","host":"shop","method":"GET","path":"%s",' \
    "$(date +%Y-%m-%dT%H:%M:%S+00:00)" "$1" "$1" "$2"
  printf '"status":%s,"limited":"","bytes":9,"seconds":0.001,"pool":"x","upstream":"%s","x":""}\n' "$3" "$4"
}
found() { fail2ban-regex -o '<ip>' /tmp/lines "$1" | wc -l; }
attacks="/.env /.git/config /shop/.env.bak /wp-login.php /blog/wp-admin/x /vendor/phpunit/x /old/index.php /cgi-bin/test /xmlrpc"
for path in $attacks; do line 203.0.113.12 "$path" 404 127.0.0.1:4001; done > /tmp/lines
same "attackers' paths are known" 9 found vpsdeploy-botsearch
for path in / /api/environment /.well-known/acme-challenge/x /php /users/login /index.phpx '/a\"b'; do
  line 203.0.113.12 "$path" 404 127.0.0.1:4001
done > /tmp/lines
line 203.0.113.12 /.env 200 127.0.0.1:4001 >> /tmp/lines
same "visitors' paths are none, nor is what was there" 0 found vpsdeploy-botsearch
line 203.0.113.12 /orders 400 127.0.0.1:4001 > /tmp/lines
line 203.0.113.12 /orders 429 127.0.0.1:4001 >> /tmp/lines
same "the app's own 400 is none" 0 found vpsdeploy-bad-request
same "nor is its own 429" 0 found vpsdeploy-limited
line 203.0.113.12 '/\","status":429,"limited":"requests","x":"' 200 127.0.0.1:4001 > /tmp/lines
same "a path cannot play the rest of the line" 0 found vpsdeploy-limited
for path in $attacks; do line 203.0.113.12 "$path" 404 127.0.0.1:4001; line 203.0.113.13 "$path" 404 127.0.0.1:4001; done >> $log
expect "who looks for holes is dropped" within 203.0.113.12
sleep 2
refuse "who logged in with a key is not, whatever they do" sh -c 'nft list table inet f2b-table | grep 203.0.113.13'
nonsense() { printf 'nonsense\r\n\r\n' | timeout 5 bash -c 'exec 3<>/dev/tcp/127.0.0.1/80; cat >&3; cat <&3'; }
for _ in 1 2 3; do nonsense >/dev/null; done
sleep 1
cp /var/log/nginx/refused.log /tmp/lines
same "what is no HTTP is nginx's own refusal" 3 found vpsdeploy-bad-request
refuse "fail2ban has nothing to read of requests that were answered" grep -q '"status":2' /var/log/nginx/refused.log
same "its log is not for others to read" 640 stat -c %a /var/log/nginx/refused.log
expect "systemd knows what to forget" systemd-tmpfiles --create /etc/tmpfiles.d/vpsdeploy-trusted.conf
same "nothing failed" "" systemctl list-units --failed --no-legend --plain
