#!/bin/sh
# A repository on this host's loopback, as a mirror would be: signed by a key made here, with stand-ins for MongoDB's
# packages, and with a newer openssl that nobody asked it for. Prints the key's fingerprint.
set -eu
export DEBIAN_FRONTEND=noninteractive GNUPGHOME=/srv/mirror-key
suite=bookworm/mongodb-org/8.0
architecture=$(dpkg --print-architecture)
tree=/srv/mirror-tree

# package NAME VERSION: what is in the tree becomes one.
package() {
  mkdir -p "$tree/DEBIAN"
  printf 'Package: %s\nVersion: %s\nArchitecture: %s\nMaintainer: A <a@b.c>\nDescription: stand-in\n' \
    "$1" "$2" "$architecture" > "$tree/DEBIAN/control"
  dpkg-deb --root-owner-group --build "$tree" "/srv/mirror/debian/$1_$2.deb" >/dev/null
  rm -rf "$tree"
}

# program NAME: standard input becomes a program of the package.
program() { mkdir -p "$tree/usr/bin"; cat > "$tree/usr/bin/$1"; chmod 755 "$tree/usr/bin/$1"; }

# The server's stand-in: like the real one it refuses a key file that others may read, listens where it is told, speaks
# TLS with the certificate that it is given, and writes into its own directory. It knows nothing of MongoDB's protocol.
server() {
  program mongod <<'END'
#!/usr/bin/python3
import json, os, pathlib, re, socketserver, ssl, sys, threading
text = pathlib.Path(sys.argv[sys.argv.index("--config") + 1]).read_text()
if "--outputConfig" in sys.argv:
    print(text)
    sys.exit("Unrecognized option: nonsense" if "nonsense" in text else 0)
def setting(name):
    found = re.search(rf"^ +{name}: (.*)$", text, re.M)
    return found[1] if found else ""
if os.stat(setting("keyFile")).st_mode & 0o077 or len(pathlib.Path(setting("keyFile")).read_text()) < 1000:
    sys.exit("permissions on " + setting("keyFile") + " are too open")
told = {"arguments": sys.argv[1:], "uid": os.getuid(), "capabilities": re.search(r"CapEff:\t(\w+)", open("/proc/self/status").read())[1]}
pathlib.Path(setting("dbPath"), "started.json").write_text(json.dumps(told))
context = None
if setting("mode") == "requireTLS":
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(setting("certificateKeyFile"))
    context.load_verify_locations(setting("CAFile"))
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    def get_request(self):
        link, where = self.socket.accept()
        return (context.wrap_socket(link, server_side=True) if context else link), where
class Hello(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.sendall(b"stand-in\n")
for address in setting("bindIp").split(","):
    one = Server((address, int(setting("port"))), Hello)
    threading.Thread(target=one.serve_forever).start()
print("stand-in listens", flush=True)
END
  mkdir -p "$tree/usr/lib/systemd/system" "$tree/etc" "$tree/DEBIAN"
  cat > "$tree/usr/lib/systemd/system/mongod.service" <<'END'
[Unit]
Description=MongoDB Database Server
After=network-online.target
Wants=network-online.target
[Service]
User=mongodb
Group=mongodb
ExecStart=/usr/bin/mongod --config /etc/mongod.conf
RuntimeDirectory=mongodb
LimitNOFILE=64000
[Install]
WantedBy=multi-user.target
END
  echo 'net: {port: 27017, bindIp: 127.0.0.1}' > "$tree/etc/mongod.conf"
  echo /etc/mongod.conf > "$tree/DEBIAN/conffiles"
  cat > "$tree/DEBIAN/postinst" <<'END'
#!/bin/sh
set -e
getent group mongodb >/dev/null || groupadd --system mongodb
getent passwd mongodb >/dev/null || useradd --system --gid mongodb --home-dir /nonexistent --shell /usr/sbin/nologin mongodb
install -d -o mongodb -g mongodb /var/lib/mongodb /var/log/mongodb
END
  chmod 755 "$tree/DEBIAN/postinst"
  package mongodb-org-server 8.0.16
}

# The shell's stand-in writes down what it was given, and answers as the agent's scripts do.
shell() {
  program mongosh <<'END'
#!/bin/sh
mkdir -p /var/lib/stand-in
printf '%s\n' "$*" >> /var/lib/stand-in/arguments
cat > /var/lib/stand-in/script
if grep -q getCmdLineOpts /var/lib/stand-in/script; then
  echo 'vpsdeploy-answer {"version":"8.0.16","primary":true,"connections":3,"data_bytes":12288,"settings":{"bindIp":"127.0.0.1,192.0.2.1","maxIncomingConnections":290,"cacheSizeGB":0.5}}'
else
  echo 'vpsdeploy-answer {"changed":["replica set rs0","user my_shop"]}'
fi
END
  package mongodb-mongosh 2.5.0
}

if ! test -e /srv/mirror/key.asc; then
  if ! command -v gpg >/dev/null; then
    apt-get -qq -o DPkg::Lock::Timeout=300 update
    apt-get -qq -o DPkg::Lock::Timeout=300 install --no-install-recommends gpg gpg-agent
  fi >/dev/null 2>&1
  mkdir -p -m 700 "$GNUPGHOME"
  directory=/srv/mirror/debian/dists/$suite
  mkdir -p "$directory/main/binary-$architecture"
  gpg --batch --quiet --passphrase '' --quick-generate-key 'Mirror <mirror@example.com>' rsa2048 sign 1d 2>/dev/null
  server
  shell
  program mongodump <<'END'
#!/usr/bin/python3
# Writes an archive that begins as the real one's does.
import gzip, json, pathlib, sys
pathlib.Path("/var/lib/stand-in/dump").write_text(json.dumps(sys.argv[1:]))
assert "uri: mongodb://vpsdeploy:" in pathlib.Path(next(a for a in sys.argv if a.startswith("--config="))[9:]).read_text()
file = next(a for a in sys.argv if a.startswith("--archive="))[10:]
pathlib.Path(file).write_bytes(gzip.compress(bytes.fromhex("6de29981") + b"of the stand-in"))
END
  program mongorestore </dev/null
  package mongodb-database-tools 100.13.0
  package openssl 99
  cd /srv/mirror/debian
  for file in *.deb; do
    dpkg-deb --field "$file"
    printf 'Filename: %s\nSize: %s\nSHA256: %s\n\n' "$file" "$(stat -c %s "$file")" "$(sha256sum < "$file" | cut -d ' ' -f 1)"
  done > "$directory/main/binary-$architecture/Packages"
  cd "$directory"
  list=main/binary-$architecture/Packages
  printf 'Origin: mongodb\nSuite: %s\nArchitectures: %s\nComponents: main\nDate: %s\nSHA256:\n %s %s %s\n' "$suite" "$architecture" \
    "$(date -Ru)" "$(sha256sum < "$list" | cut -d ' ' -f 1)" "$(stat -c %s "$list")" "$list" > Release
  gpg --batch --quiet --clearsign --output InRelease Release
  gpg --batch --quiet --armor --export > /srv/mirror/key.asc
fi
systemctl is-active --quiet mirror.service ||
  systemd-run --quiet --unit=mirror --property=WorkingDirectory=/srv/mirror python3 -m http.server 8123 --bind 127.0.0.1
gpg --batch --list-keys --with-colons 2>/dev/null | sed -n 's/^fpr:*\([0-9A-F]*\):$/\1/p' | head -n 1
