-- Removes an erased user from what a conversation has by user. Each write is harmless by itself, and all can be made again.
--
-- KEYS  1: meta   2: names   3 to 8: members, muted, banned, gone, marks, sent
-- ARGV  1: user   2: what takes the place of the name
-- Reply 1: 1 if it had a standing   2: 1 if it had a read mark

local call = redis.call
local user = ARGV[1]
-- The sender of the newest message: the next message of somebody else would write it to `sent` (messages/senders.lua).
if call('HGET', KEYS[1], 'by') == user then call('HSET', KEYS[1], 'by', ARGV[2]) end
local standing = 0
for key = 3, 6 do standing = standing + call('HDEL', KEYS[key], user) end
call('ZREM', KEYS[2], user)
local marked = call('HDEL', KEYS[7], user)
call('HDEL', KEYS[8], user)
return { standing > 0 and 1 or 0, marked }
