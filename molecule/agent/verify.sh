same "the wrapper runs the agent, isolated" "facts 0 1" /usr/local/bin/vpsdeploy-agent facts
same "only root can change it" "root:root 644" stat -c '%U:%G %a' /usr/local/lib/vpsdeploy/agent.pyz
same "the host knows its stage" molecule python3 -c 'import json; print(json.load(open("/etc/vpsdeploy/host.json"))["stage"])'
same "the app's facts are there" "shop 4000 2" \
  python3 -c 'import json; a = json.load(open("/etc/vpsdeploy/apps/shop.json")); print(a["app"], a["port"], a["instances"])'
same "and who is who among the app hosts" "web-1 web-1,web-2 4" \
  python3 -c 'import json; a = json.load(open("/etc/vpsdeploy/apps/shop.json")); print(a["name"], ",".join(a["hosts"]), a["instances_max"])'
same "apps are started at boot" enabled systemctl is-enabled vpsdeploy-boot.service
expect "the boot unit is right" systemd-analyze verify vpsdeploy-boot.service
same "what waits has a slice of its own" "idle 10" sh -c "echo \$(systemctl show -P CPUWeight -P IOWeight vpsdeploy.slice)"
same "nothing looks for troubles where nobody is told" disabled systemctl is-enabled vpsdeploy-alerts.timer
expect "what would is right" systemd-analyze verify vpsdeploy-alerts.service vpsdeploy-alerts.timer
systemctl start vpsdeploy-boot.service
same "the boot unit runs the agent" active systemctl is-active vpsdeploy-boot.service
systemctl stop vpsdeploy-boot.service
