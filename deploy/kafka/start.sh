#!/bin/bash
# start.sh NODE HOST FILE...: formats Kafka's storage at the first start, then
# runs the broker in this process's place. FILEs are joined, the later line wins.
set -euo pipefail
node=$1 host=$2
shift 2
: "${CLUSTER_ID:?the id of the cluster, the same on each node: run deploy/secrets.sh}"
kafka=${KAFKA_HOME:-/opt/kafka}
properties=${TMPDIR:-/tmp}/server.properties
sed -e "s/@NODE@/$node/" -e "s/@HOST@/$host/" "$@" >"$properties"
# Said again to a formatted directory it changes nothing; another id is refused.
"$kafka/bin/kafka-storage.sh" format --ignore-formatted -t "$CLUSTER_ID" -c "$properties"
exec "$kafka/bin/kafka-server-start.sh" "$properties"
