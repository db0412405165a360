#!/bin/bash
# What a peer's host, and the host that the peers' commands run on, need beside our roles. Run as root, once.
# PACKAGES: Debian packages; NPM: npm packages to install for everybody.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -qq --no-install-recommends -o Dpkg::Use-Pty=0 git curl openssh-client $PACKAGES >/dev/null
node=$(ls -d /opt/node/v* | tail -1)
ln -sf "$node/bin/node" /usr/local/bin/node
registry=$(sed -n 's/^registry=//p' /etc/npmrc)
archive=$(curl -fsS "${registry%/}/npm/latest" | python3 -c 'import json, sys; print(json.load(sys.stdin)["dist"]["tarball"])')
mkdir -p /opt/npm
curl -fsS "$archive" | tar xz -C /opt/npm --strip-components=1
cat > /usr/local/bin/npm <<'END'
#!/bin/sh
NPM_CONFIG_GLOBALCONFIG=/etc/npmrc exec /usr/local/bin/node /opt/npm/bin/npm-cli.js "$@"
END
chmod 755 /usr/local/bin/npm
for package in $NPM; do npm install --global --prefix=/usr/local --no-audit --no-fund "$package" >/dev/null; done
install -m 755 peer-dependencies peer-healthy /usr/local/bin/
install -m 644 peer@.service /etc/systemd/system/
id -u peer >/dev/null 2>&1 || useradd --system peer
id -u deploy >/dev/null 2>&1 || useradd --create-home deploy
usermod --shell /bin/bash deploy # pm2 deploy sends what only bash understands
install -d -o deploy -g deploy /srv/peer /srv/peer/hello-nest
echo 'deploy ALL=(root) NOPASSWD: /usr/bin/systemctl restart peer@4001, /usr/bin/systemctl restart peer@4002' > /etc/sudoers.d/peer
systemctl daemon-reload
