#!/bin/bash
# A stand-in for Kafka's own: server.properties, as the user that may read it, over a formatted directory, with Java.
set -euo pipefail
refuse() { echo "$1" >&2; exit 1; }
[ "$#" = 1 ] && [ -r "$1" ] || refuse "USAGE: $0 [-daemon] server.properties [--override property=value]*"
of() { sed -n "s/^$1=//p" "$file"; }
file=$1
[ -s "$(of log.dirs)/meta.properties" ] || refuse "No meta.properties found in $(of log.dirs) (have you formatted your directory?)"
[ -r /etc/kafka/admin.jaas ] && [ -r "${KAFKA_LOG4J_OPTS#*=}" ] || refuse "a file that is named cannot be read"
touch "$LOG_DIR/written" "$(of log.dirs)/written"
# The real one compiles as it runs: so does this, in the very same sandbox.
java $KAFKA_HEAP_OPTS $KAFKA_OPTS $KAFKA_JMX_OPTS -version 2>/dev/null || refuse "java does not run here"
base=$(dirname "$0")/..
export PYTHONPATH=$base/python PYTHONDONTWRITEBYTECODE=1
exec python3 -m tests.support.fake_kafka_server "$1" $KAFKA_HEAP_OPTS
