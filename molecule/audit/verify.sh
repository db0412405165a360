# The kernel's part runs nowhere here: a container's records are its machine's. tests/audits/test_auditd.py boots a kernel for it.
has "how much is kept" "max_log_file = 8" cat /etc/audit/auditd.conf
has "a full disk stops the records, not the host" "disk_full_action = SUSPEND" cat /etc/audit/auditd.conf
augenrules >/dev/null 2>&1
for key in identity rights logins startup packages modules kernel time vpsdeploy audit own; do
  expect "rules for $key are among what is loaded" grep -qE -- "key=$key\$" /etc/audit/audit.rules
done
for call in init_module finit_module delete_module settimeofday clock_settime; do
  expect "$call is a system call" ausyscall x86_64 $call --exact
  expect "$call is one of 32 bits" ausyscall i386 $call --exact
done
refuse "rules are nobody else's to read" runuser -u nobody -- cat /etc/audit/rules.d/50-vpsdeploy.rules
same "systemd says no to what a container cannot have" no systemctl show --property ConditionResult --value vpsdeploy-audit.service
has "the next boot of a VPS loads them" enabled systemctl is-enabled vpsdeploy-audit.service
same "the nightly look waits" active systemctl is-active vpsdeploy-integrity.timer
has "also after a boot" enabled systemctl is-enabled vpsdeploy-integrity.timer
same "it goes last" "vpsdeploy.slice 1" sh -c "echo \$(systemctl show -P Slice -P CPUWeight vpsdeploy-integrity.service)"
# In its place: the role agent brings it.
[ -e /usr/local/bin/vpsdeploy-agent ] || install -m 0755 /bin/true /usr/local/bin/vpsdeploy-agent
for unit in vpsdeploy-audit.service vpsdeploy-integrity.service vpsdeploy-integrity.timer; do
  expect "$unit is right" systemd-analyze verify $unit
done
same "nothing failed" "" systemctl list-units --failed --no-legend --plain
