-- Removes a conversation: `remove` of ConversationStore (src/core/ports/conversations.ts). Its newest seq and the number of its
-- removals stay (src/core/conversation/epoch.ts). Nodes learn of the new epoch on its channel.
--
-- KEYS  1: meta   2: log   3: ids   4: marks   5: channel   6: copy
-- ARGV  1: the command that announces: PUBLISH or SPUBLISH
-- Reply 1, or 0 if there is no such conversation

local seq, life, removed = unpack(redis.call('HMGET', KEYS[1], 'seq', 'epoch', 'removed_seq'))
if not seq or seq == removed then return 0 end
-- Deleted first: if the script ends after this, the conversation still exists, and the next try removes it.
redis.call('UNLINK', KEYS[2], KEYS[3], KEYS[4], KEYS[6])
redis.call('HDEL', KEYS[1], 'messages', 'days', 'swept', 'trimmed')
local removals = redis.call('HGET', KEYS[1], 'removals') or 0
removals = string.format('%d', removals + 1)
redis.call('HSET', KEYS[1], 'removals', removals, 'removed_seq', seq)
if life then
  redis.call(ARGV[1], KEYS[5], 'M' .. life .. '.' .. removals .. ' ' .. string.format('%d', seq + 1) .. ' ' .. seq .. ' 0\n')
end
return 1
