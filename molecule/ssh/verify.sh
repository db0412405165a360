does() { same "sshd says: $*" "$*" sh -c "/usr/sbin/sshd -T | grep -ix '$1 .*'"; }
expect "sshd finds its files right" /usr/sbin/sshd -t
same "and runs" active systemctl is-active ssh.service
does permitrootlogin no
does passwordauthentication no
does kbdinteractiveauthentication no
does authenticationmethods publickey
does maxauthtries 3
does loglevel VERBOSE
does allowtcpforwarding no
same "two users may log in" "allowusers admin
allowusers deploy" sh -c "/usr/sbin/sshd -T | grep -i ^allowusers"
refuse "no key of the host is ECDSA" sh -c "/usr/sbin/sshd -T | grep -i ^hostkey | grep ecdsa"
refuse "no Diffie-Hellman over primes" sh -c "/usr/sbin/sshd -T | grep -i ^kexalgorithms | grep diffie"
has "root is turned away" "Permission denied (publickey)" \
  ssh -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null root@127.0.0.1 true
case $(. /etc/os-release; echo "$VERSION_ID") in
  12) has "Debian 12 speaks what paramiko speaks" curve25519-sha256@libssh.org /usr/sbin/sshd -T ;;
  *)
    does persourcepenaltyexemptlist 192.0.2.0/24
    refuse "nothing that a quantum computer could break" sh -c "/usr/sbin/sshd -T | grep -i ^kexalgorithms | grep -E '[ ,](curve|ecdh)'"
    ;;
esac
same "nothing waits for a confirmation" "" ls /var/lib/vpsdeploy/guard
same "what is not confirmed is taken back at boot too" enabled systemctl is-enabled vpsdeploy-guard.service
same "nothing failed" "" systemctl list-units --failed --no-legend --plain
