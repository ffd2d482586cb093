#!/bin/sh
# Installs the test clients that come as system packages, or names them.
missing=""
command -v kcat >/dev/null 2>&1 || missing="$missing kcat"
command -v curl >/dev/null 2>&1 || missing="$missing curl"
command -v chromium >/dev/null 2>&1 || command -v google-chrome >/dev/null 2>&1 || [ -n "$CHROMIUM" ] || missing="$missing chromium"
command -v haproxy >/dev/null 2>&1 || [ -x /usr/sbin/haproxy ] || missing="$missing haproxy"
command -v systemd-analyze >/dev/null 2>&1 || missing="$missing systemd"
have_promtool() { command -v promtool >/dev/null 2>&1 || [ -x .tools/promtool ]; }
# Of the package prometheus only promtool is taken: installed, it would start a server.
take_promtool() (
	dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT && chmod 755 "$dir" && into=$PWD/.tools && cd "$dir" &&
		apt-get download -qq prometheus && dpkg-deb -x prometheus_*.deb x && mkdir -p "$into" && cp x/usr/bin/promtool "$into/promtool"
)
[ -z "$missing" ] && have_promtool && exit 0
if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
	have_promtool || echo "fetching promtool …"
	[ -z "$missing" ] || echo "installing$missing …"
	{ apt-get update -qq && { [ -z "$missing" ] || DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $missing; } && { have_promtool || take_promtool; }; } >/dev/null 2>&1 && exit 0
fi
have_promtool || missing="$missing prometheus (for promtool)"
echo "the tests need these packages: install$missing"
exit 3
