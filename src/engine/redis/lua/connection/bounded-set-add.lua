-- Adds an entry to a sorted set of a user. Returns the oldest entries beyond the limit: MAX_FAMILIES_PER_USER
-- (core/access/refresh-rotation.ts) or MAX_TICKETS_PER_USER (core/access/tickets.ts). The caller deletes their keys, which are in
-- other slots, and after that removes the entries from the set. If it ends in between, the next call returns them again.
--
-- KEYS[1]  sorted set: entry and its score
-- ARGV[1]  entry
-- ARGV[2]  its score; '' for after all others
-- ARGV[3]  the largest number of entries
-- ARGV[4]  expiry of the set, milliseconds
--
-- Reply the entries to delete

local place = ARGV[2]
if place == '' then
  local newest = redis.call('ZREVRANGE', KEYS[1], 0, 0, 'WITHSCORES')
  place = tonumber(newest[2] or 0) + 1
end
redis.call('ZADD', KEYS[1], place, ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
local excess = redis.call('ZCARD', KEYS[1]) - ARGV[3]
if excess <= 0 then
  return {}
end
return redis.call('ZRANGE', KEYS[1], 0, excess - 1)
