#!/bin/sh
# Installs what is built in this work tree ($VIGIE: another program than bin/vigie)
# below $DESTDIR (/): install.sh [--local].
# --local: with Kafka and the ClickHouse engine, for vigie.service. What an
# administrator wrote in /etc/vigie stays as it is.
set -eu
top="$(cd "$(dirname "$0")/../.." && pwd)"
root=${DESTDIR:-}
vigie=${VIGIE:-$top/bin/vigie}
[ -x "$vigie" ] || { echo "$vigie is not built: run make build" >&2; exit 3; }
install -d "$root/opt/vigie/bin" "$root/etc/systemd/system" "$root/usr/lib/sysusers.d" "$root/usr/lib/tmpfiles.d" "$root/etc/vigie"
# By rename: a running program keeps the file that it was started from.
install -m 0755 "$vigie" "$root/opt/vigie/bin/.vigie.new"
mv -f "$root/opt/vigie/bin/.vigie.new" "$root/opt/vigie/bin/vigie"
install -m 0644 "$top"/deploy/systemd/*.service "$root/etc/systemd/system/"
install -m 0644 "$top/deploy/systemd/vigie.sysusers.conf" "$root/usr/lib/sysusers.d/vigie.conf"
install -m 0644 "$top/deploy/systemd/vigie.tmpfiles.conf" "$root/usr/lib/tmpfiles.d/vigie.conf"
[ -e "$root/etc/vigie/vigie.yaml" ] || install -m 0640 "$top/deploy/systemd/vigie.yaml" "$root/etc/vigie/vigie.yaml"
if [ "${1:-}" = --local ]; then
	[ -e "$top/deploy/local/libs/.done" ] && [ -d "$top/deploy/local/node_modules" ] || { echo "Kafka and the ClickHouse engine are not installed: run make setup-run" >&2; exit 3; }
	install -d "$root/opt/vigie/deploy/local"
	cp -R "$top/deploy/local/libs" "$top/deploy/local/node_modules" "$root/opt/vigie/deploy/local/"
fi
[ -n "$root" ] || { systemd-sysusers && systemd-tmpfiles --create vigie.conf && systemctl daemon-reload; }
echo "installed in $root/opt/vigie; configure $root/etc/vigie/vigie.yaml"
