-- Removes a conversation: `remove` of ConversationStore (src/core/ports/conversations.ts). Its newest seq and the number of its
-- removals stay (src/core/conversation/epoch.ts). Nodes learn of the new epoch on its channel.
--
-- A node that has nothing of the conversation open learns of it by the activity of the bucket (conversation.lua).
--
-- KEYS  1: meta   2: channel   3: the events   4: the key that says that a node watches   then all other keys of the conversation
-- ARGV  1: the command that announces: PUBLISH or SPUBLISH   2: '' or the time   3: the epoch of the store, '' if it has none
-- Reply 1, or 0 if there is no such conversation

-- include connection/time
-- include feed/entries

local seq, life, removed, facts = unpack(redis.call('HMGET', KEYS[1], 'seq', 'epoch', 'removed_seq', 'facts'))
if not facts and (not seq or seq == removed) then return 0 end
seq, life = seq or '0', life or ARGV[3]
-- Deleted first: if the script ends after this, the conversation still exists, and the next try removes it. The facts are deleted
-- together with the limits on speech, so that no message is stored for a conversation of which half is left.
local streams = string.sub(KEYS[1], 1, -5)
for _, handle in ipairs(redis.call('HKEYS', streams .. 'drafts')) do redis.call('UNLINK', streams .. 'draft:' .. handle) end
local revs, changes = streams .. 'revs', streams .. 'changes'
for _, changed in ipairs(redis.call('ZRANGE', revs, 0, -1)) do
  local digests = string.match(redis.call('HGET', changes, changed) or '', '^%d+ ([^\t]*)') or ''
  for digest in string.gmatch(digests, '[^,]+') do redis.call('UNLINK', streams .. 'by:' .. changed .. ':' .. digest) end
end
redis.call('UNLINK', unpack(KEYS, 5))
redis.call('HDEL', KEYS[1], 'messages', 'days', 'swept', 'trimmed', 'owners', 'changing', 'by')
local removals = string.format('%d', (redis.call('HGET', KEYS[1], 'removals') or 0) + 1)
local revision = string.format('%d', (redis.call('HGET', KEYS[1], 'revision') or 0) + 1)
local now = string.format('%d', store_time(ARGV[2]))
local bucket, name = string.match(KEYS[1], '^(.*}:)c:(.*):meta$')
local event = '[{"type":"conversation.removed","conversation":"' .. name .. '"}]'
feed_add(KEYS[3], 'd ' .. now .. ' removed:' .. name .. ':' .. life .. '.' .. removals .. ' ' .. event)
redis.call('HSET', KEYS[1], 'removals', removals, 'removed_seq', seq, 'removed_at', now, 'changed', now, 'revision', revision)
redis.call('HDEL', KEYS[1], 'facts', 'guard', 'rev', 'revising')
if redis.call('EXISTS', KEYS[4]) == 1 then redis.call('ZADD', bucket .. 'activity', now, name) end
if life ~= '' then
  redis.call(ARGV[1], KEYS[2], 'M' .. life .. '.' .. removals .. ' ' .. string.format('%d', seq + 1) .. ' ' .. seq .. ' 0\n')
end
return 1
