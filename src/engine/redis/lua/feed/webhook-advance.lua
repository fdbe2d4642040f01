-- Writes how far a webhook has come: `advance` of WebhookStore (core/ports/feed/webhooks.ts).
--
-- KEYS[1]  webhooks          hash: id to what operators set
-- KEYS[2]  webhook-progress  hash: id to `<generation> <course> <how far it has come, as JSON>`
-- ARGV[1]  id
-- ARGV[2]  generation of the sender
-- ARGV[3]  course
-- ARGV[4]  the new progress (JSON)
--
-- Reply 1; 0 if it has another course, or is gone; 2 if a later generation has written it

local id, generation, course = ARGV[1], ARGV[2], ARGV[3]
local stored = redis.call('HGET', KEYS[2], id)
if not stored or redis.call('HEXISTS', KEYS[1], id) == 0 then return 0 end
local by, on = string.match(stored, '^(%d+) (%d+) ')
if tonumber(by) > tonumber(generation) then return 2 end
if on ~= course then return 0 end
redis.call('HSET', KEYS[2], id, generation .. ' ' .. course .. ' ' .. ARGV[4])
return 1
