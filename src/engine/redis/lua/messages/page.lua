-- Returns the oldest `count` messages of a conversation with first ≤ seq ≤ last, within MAX_HISTORY_BYTES of
-- src/core/conversation/history.ts.
--
-- KEYS  1: log   2: meta   3: changes
-- ARGV  1: first   2: last   3: count   4: MAX_HISTORY_BYTES
-- Reply the list of `conversation_read`

local KEEP_MESSAGES, KEEP_DAYS, CLOCK, TOUCH, EPOCH, FRESH = 0, 0, 0, false, '', ''

-- include messages/senders
-- include feed/entries
-- include messages/conversation

local first, last, count, budget = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local rev = redis.call('HGET', KEYS[2], 'rev')
if rev then changes_load() end
return (conversation_read({ log = KEYS[1], meta = KEYS[2], rev = rev }, first, last, count, budget, false))
