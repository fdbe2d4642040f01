-- Adds or removes an API key, and announces that to all nodes: `add` and `remove` of ApiKeyStore (core/ports/access/api-keys.ts).
--
-- KEYS[1]  api-keys   hash: name to key (JSON)
-- KEYS[2]  control    the control stream
-- ARGV[1]  name
-- ARGV[2]  the new key; '' removes the one of this name
-- ARGV[3]  the most keys in the hash
-- ARGV[4]  entries kept in the control stream
-- ARGV[5]  expiry of the control stream, milliseconds
--
-- Reply 1; 0 if a key to add is there already, or one to remove is not; 2 if there are too many

-- include connection/control-append

local name, text = ARGV[1], ARGV[2]
local exists = redis.call('HGET', KEYS[1], name)
if text == '' then
  if not exists then
    return 0
  end
elseif exists then
  return 0
elseif redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[3]) then
  return 2
end
-- Announced first: an event without its change is harmless, because a node reads the keys when it sees the event.
control_append(KEYS[2], ARGV[4], ARGV[5], 'apiKey', name)
if text == '' then
  redis.call('HDEL', KEYS[1], name)
else
  redis.call('HSET', KEYS[1], name, text)
end
return 1
