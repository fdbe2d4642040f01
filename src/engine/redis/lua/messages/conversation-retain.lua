-- Gives a conversation limits of its own: `retain` of ConversationStore (src/core/ports/conversations.ts).
--
-- KEYS  1: meta   2: log   3: ids   then those of changes that expire
-- ARGV  1: messages and 2: days to keep; '' for those of the server's settings
-- Reply 1, or 0 if there is no such conversation

local seq, removed, facts = unpack(redis.call('HMGET', KEYS[1], 'seq', 'removed_seq', 'facts'))
if not facts and (not seq or seq == removed) then return 0 end
-- The expiry of the old limits would delete the whole log. It is removed; the next message or the retention sweeper applies the
-- new limits. The names lose their expiry first, and both keys before the new limits are written: so wherever the script ends, no
-- message is lost that is to be kept.
redis.call('PERSIST', KEYS[3])
redis.call('PERSIST', KEYS[2])
for i = 4, #KEYS do redis.call('PERSIST', KEYS[i]) end
redis.call('HDEL', KEYS[1], 'swept')
for i, field in ipairs({ 'messages', 'days' }) do
  if ARGV[i] == '' then
    redis.call('HDEL', KEYS[1], field)
  else
    redis.call('HSET', KEYS[1], field, ARGV[i])
  end
end
return 1
