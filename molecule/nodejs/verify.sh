newest=$(ls /opt/node | sort -V | tail -1)
same "exactly one version is there" 1 sh -c 'ls /opt/node | wc -l'
same "it runs and is what its directory says" "$newest" "/opt/node/$newest/bin/node" --version
has "it speaks TLS with the system's certificates" function "/opt/node/$newest/bin/node" --use-system-ca -p 'typeof require("https").get'
same "nobody else can write to it" "" find /opt/node ! -type l -perm /022
same "all of it is root's" "" find /opt/node ! -user root
same "no download is left behind" "" sh -c 'ls -d /opt/node/.partial-* 2>/dev/null || true'
