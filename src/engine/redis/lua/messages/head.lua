-- Returns the newest seq and the epoch of a conversation. Begins a new epoch if the store has lost messages (D5).
--
-- KEYS  1: meta   2: log   3: the events   4: the epoch of the store (not in Cluster, where it lies elsewhere)
-- ARGV  1: a random text   2: newest seq known   3: its time or 0   4: epoch known
--       5: the epoch of the store as the node knows it
-- Reply seq, its time, first seq that is kept, epoch of the conversation, epoch of the store, "rev time" of the newest change or ''

local FRESH = ARGV[1]
local KEEP_MESSAGES, KEEP_DAYS, CLOCK, TOUCH, WATCHED = 0, 0, 0, false, 0
local EPOCH = ARGV[5]
local FEED = KEYS[3]
if KEYS[4] then
  EPOCH = redis.call('GET', KEYS[4])
  if not EPOCH then
    EPOCH = FRESH
    redis.call('SET', KEYS[4], EPOCH)
  end
end

-- include messages/senders
-- include feed/entries
-- include messages/conversation

if call('HEXISTS', KEYS[1], 'revising') == 1 then
  changes_load()
  changes_heal(KEYS[1])
end
local conversation = conversation_open(KEYS[1], KEYS[2], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4])
local first = conversation_first(conversation, conversation.seq)
return { conversation.seq, conversation.newestAt, first, conversation.epoch, EPOCH, conversation.rev or '' }
