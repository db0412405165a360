# from CLIENT PATH…: requests of a client, each path once; [1-90] is ninety of them.
from() { client=$1; shift; curl -s -g -m 20 -o /dev/null -w '%{http_code}\n' -H "X-Forwarded-For: $client" "$@"; }
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
expect "on all ports by recidive" within 'l4proto tcp ip saddr @addr-set-recidive drop'
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
from 203.0.113.12 http://127.0.0.1/.env http://127.0.0.1/.git/config http://127.0.0.1/wp-login.php \
  http://127.0.0.1/vendor/phpunit/x http://127.0.0.1/old/index.php http://127.0.0.1/cgi-bin/test >/dev/null
refuse "what was not refused is no reason (there is no app: 503)" sh -c 'nft list table inet f2b-table | grep 203.0.113.12'
has "the owner is not limited" 503 many 198.51.100.7 'http://127.0.0.1/[1-90]'
refuse "nor is who logged in with a key" sh -c \
  'mkdir -p /run/vpsdeploy/trusted; touch /run/vpsdeploy/trusted/203.0.113.13
   curl -s -o /dev/null -w "%{http_code} " -H "X-Forwarded-For: 203.0.113.13" "http://127.0.0.1/[1-90]" | grep 429'
for _ in 1 2 3 4 5 6; do
  logger -t sshd -p auth.info "Failed password for root from 203.0.113.14 port 4 ssh2"
  logger -t sshd -p auth.info "Failed password for root from 203.0.113.13 port 4 ssh2"
done
fail2ban-client set sshd attempt 203.0.113.13 x x x x x x >/dev/null
sleep 2
refuse "who logged in with a key is not banned for a wrong one" sh -c 'nft list table inet f2b-table | grep 203.0.113.13'

# Filters, on lines of nginx's own making.
log=/var/log/nginx/my-shop.access.log
lines() { grep '"client":"'"$1" $log | sed "s/$2/$3/" > /tmp/lines; fail2ban-regex -o '<ip>' /tmp/lines "$4" | sort -u; }
same "attackers' paths are known" 203.0.113.12 lines 203.0.113.12 '"status":503' '"status":404' vpsdeploy-botsearch
same "each of them" 6 sh -c "fail2ban-regex -o '<ip>' /tmp/lines vpsdeploy-botsearch | wc -l"
same "a visitor's path is none" "" lines 198.51.100.7 '"status":503' '"status":404' vpsdeploy-botsearch
same "the app's own 400 is none" "" lines 198.51.100.7 '"status":503' '"status":400' vpsdeploy-bad-request
same "nor is its own 429" "" lines 198.51.100.7 '"status":503' '"status":429' vpsdeploy-limited
for _ in $(seq 3); do printf 'nonsense\r\n\r\n' | timeout 5 bash -c 'exec 3<>/dev/tcp/127.0.0.1/80; cat >&3; cat <&3' >/dev/null; done
same "what is no HTTP is nginx's own refusal" 3 sh -c \
  "fail2ban-regex -o '<ip>' /var/log/nginx/access.log vpsdeploy-bad-request | wc -l"
expect "tmpfiles knows what it forgets" systemd-tmpfiles --dry-run --create /etc/tmpfiles.d/vpsdeploy-trusted.conf
same "nothing failed" "" systemctl list-units --failed --no-legend --plain
