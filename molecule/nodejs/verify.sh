newest=$(ls /opt/node | sort -V | tail -1)
distribution=v$(dpkg-query --show --showformat '${Version}' nodejs | sed 's/[+~-].*//')
revision=$(dpkg-query --show --showformat '${Version}' nodejs)
same "exactly the two versions asked for are there" "$distribution $newest" sh -c 'ls /opt/node | sort -V | xargs'
same "it runs and is what its directory says" "$newest" "/opt/node/$newest/bin/node" --version
has "it speaks TLS with the system's certificates" function "/opt/node/$newest/bin/node" --use-system-ca -p 'typeof require("https").get'
same "it was made of NodeSource's package" "nodejs=${newest#v}-1nodesource1" cat "/opt/node/$newest/package"
same "apt of the host knows nothing of NodeSource" "" sh -c 'apt-cache policy | grep 8090'
same "the distribution's Node is the one of its package" "nodejs=$revision" cat "/opt/node/$distribution/package"
same "it runs and is what its directory says, too" "$distribution" "/opt/node/$distribution/bin/node" --version
# What a package manager does to it: Node's library is gone, the copy goes on.
library=$(ldd /usr/bin/node | awk '/libnode/ { print $3 }')
expect "the distribution's library can be moved away" mv "$library" "$library.away"
refuse "without it the distribution's own program fails" /usr/bin/node --version
same "a release's copy does not need it" "$distribution" "/opt/node/$distribution/bin/node" --version
same "nor does what a release's copy starts" "$distribution" "/opt/node/$distribution/bin/node" -p 'child_process.execFileSync(process.execPath, ["--version"]).toString().trim()'
expect "the distribution's library can be put back" mv "$library.away" "$library"
same "patchelf was not left behind" "" sh -c 'command -v patchelf'
same "nobody else can write to it" "" find /opt/node ! -type l -perm /022
same "all of it is root's" "" find /opt/node ! -user root
same "no download is left behind" "" sh -c 'ls -d /opt/node/.partial-* /tmp/vpsdeploy-node-* 2>/dev/null || true'
