#!/bin/sh
# Makes, or gives a new password to, the user that a team's own code works as on compose's NATS; prints the password once:
#   sh deploy/docker/bus-user.sh acme && docker compose up --detach nats
# Again after an upgrade, with no team: the users that there are get the rights of the new version.
set -eu
cd "$(dirname "$0")/../.."
[ -e .env ] || { echo "There is no .env yet: run sh deploy/docker/new-secrets.sh first." >&2; exit 1; }

variable() { printf 'NATS_TEAM_%s_PASSWORD' "$(printf %s "$1" | od -An -v -tx1 | tr -d ' \n')"; }

touch .env.teams
chmod 600 .env.teams
if [ $# -gt 0 ]; then
  case "$1" in
    '' | *[!A-Za-z0-9_-]*) echo "Give a team: letters, digits, - and _." >&2; exit 1 ;;
  esac
  [ "${#1}" -le 64 ] || { echo "A team has at most 64 letters." >&2; exit 1; }
  # A letter first: nats-server reads what looks like a number as one.
  password=p$(head -c 24 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=\n')
  (
    umask 077
    grep -v -e "^# team $1\$" -e "^$(variable "$1")=" .env.teams > .env.teams.new || true
    printf '# team %s\n%s=%s\n' "$1" "$(variable "$1")" "$password" >> .env.teams.new
  )
  mv .env.teams.new .env.teams
fi

# What is committed, and a line for each team: nats-server finds the passwords in its environment.
{
  sed '/^  users = \[$/q' deploy/docker/nats.conf
  sed -n 's/^# team //p' .env.teams | while read -r team; do
    sed -e "s/TEAM/$team/g" -e "s/\"PASSWORD\"/\$$(variable "$team")/" deploy/docker/team-user.conf
  done
  sed '1,/^  users = \[$/d' deploy/docker/nats.conf
} > .nats-teams.conf.new
chmod 644 .nats-teams.conf.new
mv .nats-teams.conf.new .nats-teams.conf
grep -q '^REPLYWIRE_NATS_CONF=' .env || echo 'REPLYWIRE_NATS_CONF=./.nats-teams.conf' >> .env

if [ $# -gt 0 ]; then
  echo "user      external_$1"
  echo "password  $password"
fi
echo "It works from 'docker compose up --detach nats' on: NATS starts again, and everything connects to it anew." >&2
