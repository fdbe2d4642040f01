#!/bin/sh
# Sign in, send and read messages over plain HTTP, with curl and jq.
# Needs a server with its demo accounts: npm start. Another server: PARLEY_URL=https://chat.example.com sh talk.sh
set -eu
server=${PARLEY_URL:-http://127.0.0.1:8000}

# A token is valid for half an hour.
token=$(curl -sSf "$server/token" -d username=user1 -d password=password | jq -r .access_token)

# Send a message. The id makes it safe to send it again: it is stored and charged once.
curl -sSf "$server/conversations/lobby/messages" -H "Authorization: Bearer $token" \
  -H "Content-Type: application/json" -d '{"id": "from-curl", "text": "hello from curl"}' |
  jq -r '"stored as \(.seq), \(.quota.remaining) requests left"'

# Read the newest messages.
curl -sSf "$server/conversations/lobby/messages?limit=5" -H "Authorization: Bearer $token" |
  jq -r '.messages[] | "\(.seq) \(.from): \(.text)"'
