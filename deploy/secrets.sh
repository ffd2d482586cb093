#!/bin/sh
# Makes deploy/.env: passwords, tokens and Kafka's cluster id of this installation,
# readable by its owner alone. compose.yml refuses to start without them.
set -eu
umask 077
file="$(dirname "$0")/.env"
[ ! -e "$file" ] || { echo "$file is there already: its passwords are in use, remove lines by hand to change them" >&2; exit 1; }
secret() { head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n'; }
{
	echo "# Back this file up with the keys: without it the stores do not open."
	# A Kafka cluster id is a UUID in URL-safe base64, without padding.
	echo "KAFKA_CLUSTER_ID=$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=' | sed 's/^-/A/')"
	echo "CLICKHOUSE_WRITER_PASSWORD=$(secret)"
	echo "CLICKHOUSE_READER_PASSWORD=$(secret)"
	echo "CONSOLE_TOKEN=$(secret)"
	echo "GRAFANA_ADMIN_PASSWORD=$(secret)"
	echo "# Addresses on the host. 127.0.0.1 shows a port to this machine only."
	echo "PANELS_ADDRESS=127.0.0.1"
	echo "CONSOLE_ADDRESS=127.0.0.1"
	echo "GRAFANA_ADDRESS=127.0.0.1"
	echo "PROMETHEUS_ADDRESS=127.0.0.1"
	echo "# How people reach the page; it stands in the login link."
	echo "CONSOLE_URL=http://127.0.0.1:8080"
} >"$file"
echo "wrote $file"
