-- Cluster: takes a place for a stream that a user starts (`too_many_streams`). The list of the user's streams may have more than are
-- open: it is written before a stream is started, and the node removes from it what the conversations do not confirm.
--
-- KEYS  1: hash: handle → "<key of the drafts> <when the place was taken, or 0 if the stream was started>"
-- ARGV  1: '' or the time   2: handle   3: the key of the drafts   4: the most streams   5: when the list expires
--       then of each place that is free: its handle and its value
-- Reply the time; nothing more if the user has a place now, else all handles and their values

-- include connection/time

local now = string.format('%d', store_time(ARGV[1]))
for i = 6, #ARGV, 2 do
  if redis.call('HGET', KEYS[1], ARGV[i]) == ARGV[i + 1] then redis.call('HDEL', KEYS[1], ARGV[i]) end
end
if redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[4]) then return { now, unpack(redis.call('HGETALL', KEYS[1])) } end
redis.call('HSET', KEYS[1], ARGV[2], ARGV[3] .. ' ' .. now)
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return { now }
