# Whatever is here, the next provision mends; verify.sh says how.
rm /etc/vpsdeploy/host.json /etc/sudoers.d/vpsdeploy
echo tampered >> /usr/local/lib/vpsdeploy/agent.pyz
chmod 666 /usr/local/bin/vpsdeploy-agent
chown nobody /home/deploy/.ssh/authorized_keys
usermod --shell /bin/false deploy
systemctl disable --quiet vpsdeploy-boot.service
if [ -d /srv/my-shop ]; then
  rmdir /srv/my-shop/incoming
  echo Environment=TAMPERED=1 >> /etc/systemd/system/my-shop@.service
  systemctl disable --quiet --now vpsdeploy-firewall.service
  rm /opt/node/*/bin/node
fi
if [ -d /etc/nginx ]; then
  echo 'this is no directive' >> /etc/nginx/sites-enabled/my-shop.conf
  systemctl stop nginx.service
fi
