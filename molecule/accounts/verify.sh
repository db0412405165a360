same "root has no password" '*' sh -c "getent shadow root | cut -d: -f2 | tr '!' '*' | cut -c1"
useradd --create-home --shell /bin/bash ann
same "a new home is its owner's alone" 700 stat -c %a /home/ann
same "what a login makes is closed to others" 640 su - ann -c 'touch f && stat -c %a f'
has "a shell that is left alone ends by itself" 3600 su - ann -c 'echo $TMOUT'
same "but no script waits less for its input" "" su - ann -c 'env | grep TMOUT'
expect "a shell within a shell is fine" su - ann -c '. /etc/profile'
expect "login.defs has no item that this Debian does not know" sh -c '! useradd --defaults 2>&1 | grep -i unknown'
refuse "a weak password is refused" sh -c 'printf "password1\npassword1\n" | su ann -s /bin/sh -c "passwd ann"'
echo 'ann:kept in a good yescrypt hash' | chpasswd >/dev/null 2>&1
has "passwords are kept by yescrypt" '$y$' getent shadow ann
refuse "root cannot be become with a password" sh -c 'echo root | su ann -c "su -c id"'
expect "the rules of sudo are right" visudo --check --quiet
echo 'ann ALL=(root) NOPASSWD: /usr/bin/id' > /etc/sudoers.d/ann
same "sudo works" 0 su - ann -c 'sudo -n id -u'
has "and is logged" "COMMAND=/usr/bin/id -u" cat /var/log/sudo.log
for file in /etc/issue /etc/issue.net; do
  has "$file warns" "authorized people only" cat $file
  refuse "$file does not name the system" grep -qi debian $file
done
has "the log of sudo is rotated" /var/log/sudo.log cat /etc/logrotate.d/vpsdeploy-sudo
same "key logins never expire" -1 sh -c 'useradd -K PASS_MAX_DAYS=-1 bot; chage -l bot | sed -n "s/^Maximum.*: //p"'
same "nothing failed" "" systemctl list-units --failed --no-legend --plain
rm -f /etc/sudoers.d/ann; userdel --remove ann 2>/dev/null; userdel bot 2>/dev/null
