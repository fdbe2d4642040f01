-- Decides which node ends the streams that are over their time now. A turn is no lease: a node that dies in its turn holds up no other.
--
-- If no node has had a turn for a while, the nodes or the store were away. Then the leases of all streams begin again (ST3).
--
-- KEYS  1: hash: last, the time of the last turn; since, the time at which leases begin again
-- ARGV  1: '' or the time   2: the time between turns   3: how long nothing may have happened, or '' to take a turn
-- Reply the time at which leases begin again; -1 if another node has the turn

-- include connection/time

local now = store_time(ARGV[1])
local last, since = unpack(redis.call('HMGET', KEYS[1], 'last', 'since'))
last, since = tonumber(last or 0), tonumber(since or 0)
if ARGV[3] ~= '' then
  if now - last <= tonumber(ARGV[3]) then return since end
  redis.call('HSET', KEYS[1], 'last', string.format('%d', now), 'since', string.format('%d', now))
  return now
end
if now >= last and now - last < tonumber(ARGV[2]) then return -1 end
redis.call('HSET', KEYS[1], 'last', string.format('%d', now))
return since
