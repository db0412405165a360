current=/etc/vpsdeploy/tls/my-shop/current
ask() { curl -s -m 9 -o /dev/null -w '%{http_code}' "$@"; }
serial() { openssl s_client -connect 127.0.0.1:443 -servername shop.test </dev/null 2>/dev/null | openssl x509 -noout -serial; }
agent() { echo "{\"protocol\":1,\"app\":\"my-shop\",\"by\":\"verify\"$1}" | vpsdeploy-agent certificate; }
expect "nginx finds its files right" nginx -t -q
refuse "without a warning" sh -c 'nginx -t 2>&1 | grep -i warn'
same "without a certificate the app is asked by HTTP" 503 ask -H 'Host: shop.test' http://127.0.0.1/
same "the key is root's own" "600 root" stat -Lc '%a %U' $current/privkey.pem
has "what is there is for nobody" my-shop.invalid openssl x509 -noout -subject -in $current/fullchain.pem
refuse "a name of nobody gets no certificate" curl -sk --resolve other.test:443:127.0.0.1 https://other.test/
same "the timer is armed" active systemctl is-active vpsdeploy-certificate-my-shop.timer
same "and so it is after a boot" enabled systemctl is-enabled vpsdeploy-certificate-my-shop.timer
has "the host says why" "shop.test has no address" cat /var/lib/vpsdeploy/my-shop/certificate.json

# A certificate authority of Debian's own, on this host.
apt-get install -y -qq --no-install-recommends pebble openssl curl >/dev/null 2>&1
mkdir -p /etc/acme-test && cd /etc/acme-test
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -keyout server.key -out server.crt -days 9 \
  -subj /CN=acme.test -addext subjectAltName=DNS:acme.test 2>/dev/null
cp server.crt /usr/local/share/ca-certificates/acme-test.crt
update-ca-certificates >/dev/null 2>&1
cat > pebble.json <<'JSON'
{"pebble": {"listenAddress": "127.0.0.1:14000", "managementListenAddress": "127.0.0.1:15000", "httpPort": 80, "tlsPort": 443,
 "certificate": "/etc/acme-test/server.crt", "privateKey": "/etc/acme-test/server.key", "ocspResponderURL": ""}}
JSON
printf '127.0.0.1 acme.test\n127.0.0.1 shop.test\n' >> /etc/hosts
systemd-run --quiet --unit=acme-test --setenv=PEBBLE_VA_NOSLEEP=1 --setenv=PEBBLE_WFE_NONCEREJECT=0 pebble -config /etc/acme-test/pebble.json
expect "the authority starts" timeout 20 sh -c 'until curl -s -o /dev/null https://acme.test:14000/dir; do sleep 0.2; done'
expect "the timer's unit gets the certificate by itself" systemctl start vpsdeploy-certificate-my-shop.service
has "from the authority" Pebble openssl x509 -noout -issuer -in $current/fullchain.pem
curl -sk https://127.0.0.1:15000/roots/0 > root.pem
same "which who trusts it trusts" 503 ask --cacert root.pem --resolve shop.test:443:127.0.0.1 https://shop.test/
has "and is told to come back so" "strict-transport-security: max-age=63072000" \
  curl -si --cacert root.pem --resolve shop.test:443:127.0.0.1 https://shop.test/
same "by HTTP/2" 2 curl -s -o /dev/null -w '%{http_version}' --cacert root.pem --resolve shop.test:443:127.0.0.1 https://shop.test/
same "HTTP leads there" "308 https://shop.test/a?b=c" \
  curl -s -o /dev/null -w '%{http_code} %{redirect_url}' -d x=1 -H 'Host: shop.test' 'http://127.0.0.1/a?b=c'
has "questions of the authority are not led away" 404 ask -H 'Host: shop.test' http://127.0.0.1/.well-known/acme-challenge/x
first=$(serial)
has "what is not due is left alone" '"changed":false' sh -c 'echo "$0" | tr -d " "' "$(agent '')"
same "and nginx serves the same" "$first" serial
has "who insists gets a new one" '"changed":true' sh -c 'echo "$0" | tr -d " "' "$(agent ',"renew":true')"
second=$(serial)
refuse "which nginx serves" test "$first" = "$second"
expect "certbot's own timer may renew it too" certbot renew --force-renewal --no-random-sleep-on-renew --quiet
refuse "and nginx serves that" test "$second" = "$(serial)"
third=$(serial)
systemctl stop acme-test
has "without the authority the old one stays" "the old certificate stays" agent ',"renew":true'
same "in nginx, too" "$third" serial
same "nothing failed" "" systemctl list-units --failed --no-legend --plain
