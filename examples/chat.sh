#!/bin/sh
# Talk from scripts with parley chat: say one thing, and read what was said as JSON lines.
# Needs a server with its demo accounts (npm start), and jq.
set -eu
export PARLEY_URL="${PARLEY_URL:-http://127.0.0.1:8000}"

# Say one thing, and end when it is stored.
npx parley chat lobby --user user2 -x "hello from chat"

# Everything that was said from the beginning; it ends after a second.
npx parley chat lobby --user user1 --after 0 --duration 1 --json |
  jq -r 'select(.type == "message") | "\(.seq) \(.from): \(.text)"'
