-- Cluster, second step of three (reserve, append, settle): everything that one turn of a node's event loop brought to a
-- conversation, at once and in its order. Carries out `decidePost` of src/core/conversation/post-decision.ts, but for the charge;
-- `historyRange` of src/core/conversation/history.ts and `oldestKept` of src/core/conversation/retention.ts.
--
-- KEYS  1: meta   2: log   3: ids   4: marks   5: channel
-- ARGV  1: '' or the time   2: a random text   3: messages and 4: days to keep   5: 1 to write repeats too
--       6: HISTORY_BUDGET   7: the epoch of the store
--       8: newest seq known   9: its time or 0   10: epoch known   11: own subscriptions to the channel, or
--       '' where nobody can tell how many there are (Cluster before 7): then every node hears of everything
--       then the operations:
--         p name body token epoch   a message; token: the reservation that pays for it, '' where none is needed; epoch: in
--                                   which the sender is in the conversation, or ''
--         q name epoch              a message that nothing pays for: only a repeat is answered
--         h before after count   history; before and after may be ''
--         m user seq epoch       a read mark
-- Reply 1: the epoch, '' where it is the one known
--       2: what the operations have to add_result, one after the other:
--         p, q  1 (stored), 2 (a repeat), 3 (the conversation was removed since) or 0; seq; at; the reservation that paid
--               for it
--         h     list, more
--         m     seq, or 0 when it did not move

-- include connection/time

local CLOCK = store_time(ARGV[1])
local FRESH = ARGV[2]
local KEEP_MESSAGES, KEEP_DAYS = ARGV[3], ARGV[4]
local TOUCH = ARGV[5] == '1'
local BUDGET = tonumber(ARGV[6])
local EPOCH = ARGV[7]

-- include messages/conversation

local conversation = conversation_open(KEYS[1], KEYS[2], tonumber(ARGV[8]), tonumber(ARGV[9]), ARGV[10])
if ARGV[11] == '' then
  conversation.announce, conversation.channel, conversation.said = 'PUBLISH', KEYS[5], {}
else
  conversation_announce(conversation, KEYS[5], tonumber(ARGV[11]), 'SPUBLISH', 'SHARDNUMSUB')
end
local reply = {}
local function add_result(...)
  for _, value in ipairs({ ... }) do reply[#reply + 1] = value end
end

-- History is read after what came before it was written.
local histories = {}
local at = 12
while ARGV[at] do
  local kind = ARGV[at]
  if kind == 'p' then
    local token = ARGV[at + 3]
    if conversation_is_removed(conversation, ARGV[at + 4]) then
      add_result(3, 0, 0, '')
    else
      local stored, seq, time, payer = conversation_store(conversation, KEYS[3], ARGV[at + 1], ARGV[at + 2], token ~= '' and token or nil)
      if stored then add_result(1, seq, time, token) else add_result(2, seq, time, payer) end
    end
    at = at + 5
  elseif kind == 'q' then
    local seq, time, payer = conversation_find(conversation, KEYS[3], ARGV[at + 1])
    if conversation_is_removed(conversation, ARGV[at + 2]) then
      add_result(3, 0, 0, '')
    elseif seq then
      add_result(2, seq, time, payer)
    else
      add_result(0, 0, 0, '')
    end
    at = at + 3
  elseif kind == 'h' then
    histories[#histories + 1] = { #reply, conversation.seq, ARGV[at + 1], ARGV[at + 2], ARGV[at + 3] }
    add_result('', 0)
    at = at + 4
  else
    local seq = tonumber(ARGV[at + 2])
    local moved = not conversation_is_removed(conversation, ARGV[at + 3]) and conversation_mark(conversation, KEYS[4], ARGV[at + 1], seq)
    add_result(moved and seq or 0)
    at = at + 4
  end
end

conversation_write(conversation)
conversation_settle(conversation)
for _, each in ipairs(histories) do
  local place, newest, before, after, count = unpack(each)
  local list, more = conversation_history(conversation, newest, tonumber(before), tonumber(after), tonumber(count), BUDGET)
  reply[place + 1], reply[place + 2] = list, more and 1 or 0
end
conversation_finish(conversation, KEYS[3])
return { conversation.epoch == ARGV[10] and '' or conversation.epoch, reply }
