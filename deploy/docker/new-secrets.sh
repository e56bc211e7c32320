#!/bin/sh
# Writes .env beside compose.yaml: fresh passwords and keys. Never overwrites: what is sealed by old keys needs them.
set -eu
cd "$(dirname "$0")/../.."
if [ -e .env ]; then
  echo ".env is there already; its keys are needed to open what was sealed by them. Remove it to begin anew." >&2
  exit 1
fi
random() { head -c 32 /dev/urandom | base64 | tr -d '\n'; }
# A letter first: nats-server reads what looks like a number as one.
password() { printf p; head -c 24 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=\n'; }
umask 077
{
  for user in AUTH SEND INBOX_SYNC REPLY_MATCHING PRODUCT PROVISION; do
    echo "NATS_${user}_PASSWORD=$(password)"
  done
  echo "KEY_RING='{\"current\": \"k1\", \"keys\": {\"k1\": \"$(random)\"}}'"
  echo "FIND_KEYS=$(random)"
} > .env.new
mv .env.new .env
echo ".env is written. Keep a copy elsewhere: without its keys every mailbox must be connected again."
