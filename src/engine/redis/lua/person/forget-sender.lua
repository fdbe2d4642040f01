-- Removes an erased user as the sender of messages that came after person/forget.lua, and were forgotten since.
--
-- KEYS  1: meta   2: sent
-- ARGV  1: user   2: what takes the place of the name   3: the last seq of the user's messages: what is later is of a new person

local call = redis.call
local user, last = ARGV[1], tonumber(ARGV[3])
local seq, by = unpack(call('HMGET', KEYS[1], 'seq', 'by'))
if by == user and tonumber(seq) <= last then call('HSET', KEYS[1], 'by', ARGV[2]) end
local sent = call('HGET', KEYS[2], user)
if sent and tonumber(sent) <= last then call('HDEL', KEYS[2], user) end
