#!/bin/sh
# Turns the newest installed Node into what NodeSource would offer: its package in a signed apt repository, on loopback.
# The key is made on the spot; /srv/nodesource/key.asc and /srv/nodesource/fingerprint say which it is.
set -eu
tree=$(find /opt/node -maxdepth 1 -name 'v*' | sort -V | tail -1)
version=$(basename "$tree" | tr -d v)
architecture=$(dpkg --print-architecture)
site=/srv/nodesource
repository=$site/node_${version%%.*}.x
index=dists/nodistro/main/binary-$architecture/Packages
export GNUPGHOME=/root/.nodesource

install -d -m 0700 "$GNUPGHOME"
gpg --batch --quiet --passphrase '' \
  --quick-generate-key 'A mirror <mirror@example.com>' ed25519 sign 1y
mkdir -p "$site" "$repository/$(dirname "$index")"
gpg --armor --export > "$site/key.asc"

build=$(mktemp -d)
mkdir -p "$build/DEBIAN" "$build/usr"
mv "$tree/bin" "$build/usr/"
rm -r "$tree"
cat > "$build/DEBIAN/control" <<CONTROL
Package: nodejs
Version: $version-1nodesource1
Architecture: $architecture
Maintainer: A mirror <mirror@example.com>
Description: Node.js as NodeSource packs it
CONTROL
chmod 0755 "$build" "$build/DEBIAN"
package=nodejs_$version.deb
dpkg-deb --root-owner-group -Znone --build "$build" "$repository/$package" > /dev/null
rm -r "$build"

cd "$repository"
{
  dpkg-deb --field "$package"
  echo "Filename: $package"
  echo "Size: $(stat -c %s "$package")"
  echo "SHA256: $(sha256sum "$package" | cut -d' ' -f1)"
} > "$index"
cat > dists/nodistro/Release <<RELEASE
Suite: nodistro
Codename: nodistro
Date: $(date -uR)
Architectures: $architecture
Components: main
SHA256:
 $(sha256sum "$index" | cut -d' ' -f1) $(stat -c %s "$index") main/binary-$architecture/Packages
RELEASE
gpg --batch --quiet --yes --clearsign --output dists/nodistro/InRelease dists/nodistro/Release

systemd-run --quiet --unit nodesource python3 -m http.server --directory "$site" --bind 127.0.0.1 8090
# Last: where this file is, all of it was done.
gpg --list-keys --with-colons | awk -F: '/^fpr/ { print $10; exit }' > "$site/fingerprint"
