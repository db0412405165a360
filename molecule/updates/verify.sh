same "nothing but security updates comes by itself" "Debian-Security Debian-Security" sh -c \
  'unattended-upgrade --dry-run --debug 2>&1 | sed -n "s/^Allowed origins are: //p" | grep -o "label=[A-Za-z-]*" | cut -d= -f2 | xargs'
expect "a dry run goes through" unattended-upgrade --dry-run
for timer in apt-daily apt-daily-upgrade; do
  same "$timer comes every day" "enabled active" sh -c "echo \$(systemctl is-enabled $timer.timer) \$(systemctl is-active $timer.timer)"
done
has "the host restarts in its window" 'Automatic-Reboot-Time "03:30"' apt-config dump
held='import apt_pkg; apt_pkg.init(); import re, sys; print(any(re.match(p, sys.argv[1]) for p in apt_pkg.config.value_list("Unattended-Upgrade::Package-Blacklist")))'
for package in postgresql-17 postgresql-client-17 mariadb-server redis-server redis-tools rabbitmq-server erlang-base nats-server; do
  same "$package waits for host patch" True python3 -c "$held" "$package"
done
for package in libpq5 libmariadb3 libssl3 nginx openssh-server linux-image-amd64; do
  same "$package comes by itself" False python3 -c "$held" "$package"
done
has "files that were changed here stay" force-confold apt-config dump
rules='our %nrconf = (override_rc => {}); do "/etc/needrestart/conf.d/50-vpsdeploy.conf" or die "$@$!"; sub kept { my $u = shift; for (keys %{$nrconf{override_rc}}) { return 1 if $u =~ /$_/ } 0 }'
kept() { same "$2 is restarted by itself: $1" "$1" perl -e "$rules print kept('$2') ? 'no' : 'yes'"; }
for unit in nginx.service my-shop@4001.service my-shop-worker-mails@20260822101500-1f3a9c2e-1.service \
  my-shop-cron-daily.service postgresql@17-main.service mariadb.service redis-server.service; do
  kept no $unit
done
for unit in ssh.service cron.service systemd-timesyncd.service fail2ban.service; do
  kept yes $unit
done
expect "needrestart reads its rules" needrestart -b -r l
same "nothing failed" "" systemctl list-units --failed --no-legend --plain
