-- Removes an erased user from what a conversation has by user. Each write is harmless by itself, and all can be made again. A
-- membership stays with what belongs to it: it was made a moment ago (`endMembership` of src/core/person/erasure.ts).
--
-- KEYS  1: meta   2: names   3 to 8: members, muted, banned, gone, marks, sent
-- ARGV  1: user   2: what takes the place of the name   3: the last message that is forgotten: who has sent later ones stays known
-- Reply 1: 1 if it had a standing   2: 1 if it had a read mark

local call = redis.call
local user, last = ARGV[1], tonumber(ARGV[3])
-- The sender of the newest message: the next message of somebody else would write it to `sent` (messages/senders.lua).
local seq, by = unpack(call('HMGET', KEYS[1], 'seq', 'by'))
if by == user and tonumber(seq) <= last then call('HSET', KEYS[1], 'by', ARGV[2]) end
local standing = 0
local is_member = call('HEXISTS', KEYS[3], user) == 1
for key = 4, 6 do standing = standing + call('HDEL', KEYS[key], user) end
if not is_member then call('ZREM', KEYS[2], user) end
local marked = call('HDEL', KEYS[7], user)
local sent = call('HGET', KEYS[8], user)
if sent and not is_member and tonumber(sent) <= last then call('HDEL', KEYS[8], user) end
return { standing > 0 and 1 or 0, marked }
