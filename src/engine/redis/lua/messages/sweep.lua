-- Removes the messages that a conversation no longer keeps: `retentionFloor` of src/core/conversation/retention.ts.
--
-- KEYS  1: meta   2: log   3: ids
-- ARGV  1: '' or the time   2: messages and 3: days to keep   4: the largest number of messages to remove
-- Reply the number of removed messages

-- include connection/time

local CLOCK = store_time(ARGV[1])
local KEEP_MESSAGES, KEEP_DAYS, EPOCH, FRESH, TOUCH, WATCHED = ARGV[2], ARGV[3], '', '', false, 0

-- include messages/senders
-- include feed/entries
-- include messages/conversation

return conversation_trim(conversation_open(KEYS[1], KEYS[2], 0, 0, ''), KEYS[3], 0, tonumber(ARGV[4]))
