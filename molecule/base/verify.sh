for package in ca-certificates cron curl logrotate procps systemd-timesyncd jq; do
  expect "$package is installed" dpkg-query -W "$package"
  same "$package is configured" "install ok installed" dpkg-query -Wf '${Status}' "$package"
done
# Installed while systemd was out of reach, and started afterwards.
for unit in cron.service logrotate.timer; do
  same "$unit runs" active systemctl is-active "$unit"
done
refuse "no start is owed" test -e /run/vpsdeploy/installing.json
has "the time zone counts" CE date -d 2026-01-01 +%Z
same "logins speak UTF-8" UTF-8 su - nobody -s /bin/sh -c 'locale charmap'
same "time is synchronised at boot" enabled systemctl is-enabled systemd-timesyncd.service
has "our NTP server is asked first" "NTP=192.0.2.123" systemd-analyze cat-config systemd/timesyncd.conf
expect "journald reads our limits" sh -c 'systemd-analyze cat-config systemd/journald.conf | grep -q "^SystemMaxUse=1G"'
logger -t molecule "seen on disk" && journalctl --sync
has "the journal is on the disk" "seen on disk" journalctl --directory /var/log/journal --identifier molecule
for place in cron.d cron.hourly cron.daily cron.weekly cron.monthly cron.yearly; do
  same "$place is root's own" "700 root" stat -c '%a %U' /etc/$place
done
same "nor may others leave work to at" "600 root" stat -c '%a %U' /etc/at.allow
refuse "others have no crontab" runuser -u nobody -- crontab -l
expect "root has" sh -c 'echo "# empty" | crontab - && crontab -l'
same "the swap file is asked for at boot" enabled systemctl is-enabled var-lib-vpsdeploy-swapfile.swap
refuse "a container gets no swap file" test -e /var/lib/vpsdeploy/swapfile
expect "the swap units are right" systemd-analyze verify vpsdeploy-swapfile.service var-lib-vpsdeploy-swapfile.swap
same "nothing failed" "" systemctl list-units --failed --no-legend --plain
