-- Adds an entry to those of a user and names the oldest ones, if there are more than may be: MAX_FAMILIES
-- (core/access/refresh-rotation.ts) and MAX_TICKETS_OF_USER (core/access/tickets.ts). Deleting what they name is left to the caller, since
-- it lies in other slots; afterwards the caller removes them here, so that one that ends in between is gone on with.
--
-- KEYS[1]  sorted set: entry to its place in the order
-- ARGV[1]  entry
-- ARGV[2]  its place; '' for behind all others
-- ARGV[3]  entries at most
-- ARGV[4]  life of the whole from now on, milliseconds
--
-- Reply the entries that have to go

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
