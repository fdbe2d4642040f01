-- Included by conversation.lua and interrupted-batch.lua: up to where each user has sent messages itself, for the inbox (IN1).
--
-- The head names the sender of the newest message (`by`); the hash `sent` has user → seq of all others. So a message writes nothing
-- more unless it has another sender than the message before it, and then `sent` is written once for all messages of a script.

-- Returns the name of a conversation's hash `sent`. It is in the slot of its head.
local function senders_key(meta)
  return string.sub(meta, 1, -5) .. 'sent'
end

-- Returns the sender of a message, from its record (messages/message-encoding.ts), which begins with a letter and a tab. Faster than
-- a pattern.
local function senders_of(record)
  return string.sub(record, 3, string.find(record, '\t', 3, true) - 1)
end

-- Called when the log has messages from `first` to `last` of which the head does not know. Writes their senders, and returns the
-- newest one. Harmless if it was done before.
local function senders_heal(meta, log, first, last)
  local before = redis.call('HGET', meta, 'by')
  if before then redis.call('HSET', senders_key(meta), before, string.format('%d', first - 1)) end
  local newest = before
  for _, entry in ipairs(redis.call('XRANGE', log, first, last)) do
    newest = senders_of(entry[2][6])
    redis.call('HSET', senders_key(meta), newest, string.match(entry[1], '^%d+'))
  end
  return newest or ''
end
