same "the agent is whole and answers as root to deploy" "facts 0 1" \
  runuser -u deploy -- sudo -n /usr/local/bin/vpsdeploy-agent facts
same "its wrapper is root's alone" "root:root 755" stat -c '%U:%G %a' /usr/local/bin/vpsdeploy-agent
same "the keys are deploy's again" deploy stat -c %U /home/deploy/.ssh/authorized_keys
same "apps are started at boot" enabled systemctl is-enabled vpsdeploy-boot.service
role=$(python3 -c 'import json; print(*json.load(open("/etc/vpsdeploy/host.json"))["roles"])')
case $role in
  app)
    same "incoming is there, closed" 700 stat -c %a /srv/my-shop/incoming
    refuse "the unit is as it was" grep TAMPERED /etc/systemd/system/my-shop@.service
    has "systemd has read it" no systemctl show -P NeedDaemonReload my-shop@4001.service
    has "the ports are closed again" 4000-4199 nft list table inet vpsdeploy
    same "the database server runs" active systemctl is-active postgresql@*-main.service
    same "so does Redis" active systemctl is-active redis-server.service
    same "the database server's log is sent away" active systemctl is-active vpsdeploy-wal-my-shop.timer
    expect "Node runs" sh -c '/opt/node/*/bin/node --version'
    refuse "no web server is here" dpkg-query -W nginx
    ;;
  loadbalancer)
    expect "nginx takes its files" nginx -t -q
    refuse "without a warning" sh -c 'nginx -t 2>&1 | grep -i warn'
    same "nginx runs" active systemctl is-active nginx.service
    same "and says that no release is there yet" 503 curl -s -o /dev/null -w '%{http_code}' 127.0.0.1
    refuse "no app lives here" test -e /srv/my-shop
    refuse "no Node either" test -e /opt/node
    ;;
  *) fail "the host has one role" "it has: $role" ;;
esac
same "nothing failed" "" systemctl list-units --failed --no-legend --plain
