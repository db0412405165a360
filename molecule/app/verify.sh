# An instance of Python's own web server stands in for Node: the unit's sandbox is what is looked at.
slot=/srv/my-shop/slots/4001
release=/srv/my-shop/releases/20260101000000-00000000
mkdir -p $release/app /run/systemd/system/my-shop@4001.service.d
ln -sfn ../../releases/20260101000000-00000000 $slot/release 2>/dev/null || { mkdir -p $slot && ln -sfn ../../releases/20260101000000-00000000 $slot/release; }
printf 'PORT=4001\n' > $slot/env
printf '[Service]\nExecStart=\nExecStart=/usr/bin/python3 -m http.server 4001\n' > /run/systemd/system/my-shop@4001.service.d/try.conf
systemctl daemon-reload && systemctl restart my-shop@4001.service
expect "an instance starts" timeout 10 sh -c 'until curl -sf -o /dev/null 127.0.0.1:4001; do sleep 0.2; done'

pid=$(systemctl show -P MainPID my-shop@4001.service)
inside() { nsenter --target "$pid" --mount --setuid "$(id -u my-shop)" --setgid "$(id -g my-shop)" -- "$@"; }
same "it runs as the app's user" my-shop stat -c %U "/proc/$pid"
same "it sees no other app" my-shop inside ls /srv
expect "it can write to what outlives releases" inside touch /srv/my-shop/shared/uploads/kept
refuse "it cannot write to its release" inside touch /srv/my-shop/slots/4001/release/app/changed
refuse "it cannot write to the system" inside touch /etc/changed
refuse "it does not see what the agent knows" inside ls /etc/vpsdeploy
same "it has no capability" 0000000000000000 sh -c "grep CapEff /proc/$pid/status | cut -f2"
same "it can never get one" 1 sh -c "grep NoNewPrivs /proc/$pid/status | cut -f2"
has "it lives in the app's slice" my.slice/my-shop.slice cat "/proc/$pid/cgroup"
score=$(systemd-analyze security --no-pager my-shop@4001.service | tail -1)
expect "the sandbox scores 1.3 or better ($score)" systemd-analyze security --no-pager --threshold=13 my-shop@4001.service

systemctl stop my-shop@4001.service
rm -r /run/systemd/system/my-shop@4001.service.d $release /srv/my-shop/slots/4001 && systemctl daemon-reload
same "nothing failed" "" systemctl list-units --failed --no-legend --plain
