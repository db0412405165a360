#!/bin/bash
# A stand-in for Kafka's own: format --cluster-id ID --config FILE, and nothing else. It takes Java as that does.
set -euo pipefail
refuse() { echo "$1" >&2; exit 1; }
[ "$#" = 5 ] && [ "$1 $2 $4" = "format --cluster-id --config" ] || refuse "error: unrecognized arguments: $*"
# 16 bytes in base64url, as Uuid.fromString wants it; one that begins with a dash would be read as an option.
[[ "$3" =~ ^[A-Za-z0-9_][A-Za-z0-9_-]{21}$ ]] || refuse "Cluster ID string $3 does not appear to be a valid UUID"
of() { sed -n "s/^$1=//p" "$file"; }
file=$5
[ "$(of process.roles)" = broker,controller ] && [ -n "$(of controller.quorum.voters)" ] ||
    refuse "Because controller.quorum.voters is not set on this controller, you must specify one of the following: --standalone"
java ${KAFKA_HEAP_OPTS:--Xmx256M} -version 2>/dev/null || refuse "java does not run"
data=$(of log.dirs)
[ ! -e "$data/meta.properties" ] || refuse "Log directory $data is already formatted. Use --ignore-formatted to ignore this directory and format the others."
mkdir -p "$data"
printf 'cluster.id=%s\nnode.id=%s\nversion=1\n' "$3" "$(of node.id)" >"$data/meta.properties"
id -un >"$data/formatted-by"
echo "Formatting metadata directory $data with metadata.version 4.1-IV1."
