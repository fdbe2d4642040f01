-- Adds, changes or removes a webhook, and announces that to all nodes: `add`, `change` and `remove` of WebhookStore
-- (core/ports/feed/webhooks.ts).
--
-- KEYS[1]  webhooks          hash: id to `<revision> <what operators set, as JSON>`
-- KEYS[2]  webhook-progress  hash: id to `<generation> <course> <how far it has come, as JSON>`
-- KEYS[3]  control           the control stream
-- ARGV[1]  add | change | remove
-- ARGV[2]  id
-- ARGV[3]  the new revision
-- ARGV[4]  the new settings (JSON)
-- ARGV[5]  `<course> <the new progress, as JSON>`; '' leaves it as it is
-- ARGV[6]  the most webhooks
-- ARGV[7]  entries kept in the control stream
-- ARGV[8]  expiry of the control stream, milliseconds
--
-- Reply 1; 0 if one to add is there already, one to remove is not, or one to change has another revision; 2 if there are too many

-- include connection/control-append

local what, id, revision, settings, progress = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local stored = redis.call('HGET', KEYS[1], id)
if what == 'add' then
  if stored then return 0 end
  if redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[6]) then return 2 end
elseif not stored then
  return 0
elseif what == 'change' and tonumber(string.match(stored, '^%d+')) ~= tonumber(revision) - 1 then
  return 0
end
-- Announced first: an event without its change is harmless, because a node reads the webhooks when it sees the event.
control_append(KEYS[3], ARGV[7], ARGV[8], 'webhook', id)
if what == 'remove' then
  redis.call('HDEL', KEYS[1], id)
  redis.call('HDEL', KEYS[2], id)
  return 1
end
-- The progress first: a webhook without it does not count. Left by a removal that was cut off, it would be another one's.
if progress ~= '' then
  local before = what == 'change' and redis.call('HGET', KEYS[2], id)
  local generation = before and string.match(before, '^%d+') or '0'
  redis.call('HSET', KEYS[2], id, generation .. ' ' .. progress)
end
redis.call('HSET', KEYS[1], id, revision .. ' ' .. settings)
return 1
