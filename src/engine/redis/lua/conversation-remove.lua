-- Removes a conversation's messages and read marks and keeps its numbers: remove of ConversationStore
-- (src/core/conversations.ts).
--
-- KEYS  1: meta   2: log   3: ids   4: marks
-- Reply 1, or 0 where there is no such conversation

if redis.call('HEXISTS', KEYS[1], 'seq') == 0 then return 0 end
redis.call('UNLINK', KEYS[2], KEYS[3], KEYS[4])
return 1
