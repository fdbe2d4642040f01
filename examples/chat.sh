#!/bin/sh
# Use parley chat in scripts: send one message, and read messages as JSON lines.
# Needs a server with its demo accounts (npm start), and jq.
set -eu
export PARLEY_URL="${PARLEY_URL:-http://127.0.0.1:8000}"

# Send one message, and exit when it is stored.
npx parley chat lobby --user user2 -x "hello from chat"

# Read all messages from the beginning; exit after a second.
npx parley chat lobby --user user1 --after 0 --duration 1 --json |
  jq -r 'select(.type == "message") | "\(.seq) \(.from): \(.text)"'
