#!/bin/sh
# Installs what only an operating system packages: real mail servers, a real browser and nginx for the tests. Where it
# cannot, it says so loudly and succeeds, because the other tests still can run; in CI a missing one makes its tests fail.
set -u

missing=""
command -v dovecot >/dev/null 2>&1 || [ -x /usr/sbin/dovecot ] || missing="$missing dovecot-imapd"
command -v smtp-sink >/dev/null 2>&1 || [ -x /usr/sbin/smtp-sink ] || missing="$missing postfix"
command -v chromium >/dev/null 2>&1 || missing="$missing chromium"
command -v nginx >/dev/null 2>&1 || [ -x /usr/sbin/nginx ] || missing="$missing nginx"
command -v npm >/dev/null 2>&1 || missing="$missing nodejs npm"
[ -z "$missing" ] && exit 0

if ! command -v apt-get >/dev/null 2>&1; then
    why="this is no Debian or Ubuntu: install Dovecot's IMAP server, Postfix, Chromium, nginx and node by your own means"
elif [ "$(id -u)" = 0 ]; then
    sudo=""
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
    sudo="sudo -n"
else
    why="it needs root: run 'sudo apt-get install$missing' once"
fi

if [ -z "${why:-}" ]; then
    echo "Installing$missing ..."
    export DEBIAN_FRONTEND=noninteractive
    # The daemons are started by the tests on ports of their own, never by the system.
    if $sudo apt-get update -qq && $sudo env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends $missing >/dev/null; then
        exit 0
    fi
    why="apt-get could not install$missing"
fi

echo "NOT INSTALLED:$missing - $why. The tests that need it will be SKIPPED." >&2
[ "${CI:-}" = true ] && exit 1
exit 0
