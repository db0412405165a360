as() { user=$1; shift; runuser -u "$user" -- "$@"; }
printf '#!/bin/sh\nid -u\n' > /usr/local/bin/vpsdeploy-agent && chmod 755 /usr/local/bin/vpsdeploy-agent
same "deploy runs the agent as root" 0 as deploy sudo -n /usr/local/bin/vpsdeploy-agent facts
for command in /bin/sh /usr/bin/id "/usr/bin/env vpsdeploy-agent" /bin/systemctl; do
  refuse "deploy may not run $command as root" as deploy sudo -n $command
done
refuse "deploy may not become another user" as deploy sudo -n -u admin /usr/bin/id
refuse "deploy may not edit the agent" as deploy sh -c 'echo >> /usr/local/bin/vpsdeploy-agent'
same "the administrator is root when asked" 0 as admin sudo -n id -u
for user in deploy admin; do
  same "$user has no password" '*' sh -c "getent shadow $user | cut -d: -f2"
  same "$user owns the keys" "$user:$user 600" stat -c '%U:%G %a' "/home/$user/.ssh/authorized_keys"
  same "$user owns the keys' directory" "$user:$user 700" stat -c '%U:%G %a' "/home/$user/.ssh"
done
expect "the rules of sudo are right" visudo --check --quiet
