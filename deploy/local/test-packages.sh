#!/bin/sh
# Installs the test clients that come as system packages, or names them.
missing=""
command -v kcat >/dev/null 2>&1 || missing="$missing kcat"
command -v chromium >/dev/null 2>&1 || command -v google-chrome >/dev/null 2>&1 || [ -n "$CHROMIUM" ] || missing="$missing chromium"
[ -z "$missing" ] && exit 0
if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
	echo "installing$missing …"
	{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $missing; } >/dev/null 2>&1 && exit 0
fi
echo "the tests need these packages: install$missing"
exit 3
