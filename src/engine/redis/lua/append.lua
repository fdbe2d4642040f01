-- Cluster, second step of three (reserve, append, settle): everything that one turn of a node's event loop brought to a
-- conversation, at once and in its order. Carries out `decidePost` of src/core/posting.ts, but for the charge;
-- `historyRange` of src/core/history.ts and `oldestKept` of src/core/retention.ts.
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
--       2: what the operations have to say, one after the other:
--         p, q  1 (stored), 2 (a repeat), 3 (the conversation was removed since) or 0; seq; at; the reservation that paid
--               for it
--         h     list, more
--         m     seq, or 0 when it did not move

-- include time

local CLOCK = store_time(ARGV[1])
local FRESH = ARGV[2]
local KEEP_MESSAGES, KEEP_DAYS = ARGV[3], ARGV[4]
local TOUCH = ARGV[5] == '1'
local BUDGET = tonumber(ARGV[6])
local EPOCH = ARGV[7]

-- include room

local room = room_open(KEYS[1], KEYS[2], tonumber(ARGV[8]), tonumber(ARGV[9]), ARGV[10])
if ARGV[11] == '' then
  room.announce, room.channel, room.said = 'PUBLISH', KEYS[5], {}
else
  room_announce(room, KEYS[5], tonumber(ARGV[11]), 'SPUBLISH', 'SHARDNUMSUB')
end
local reply = {}
local function say(...)
  for _, value in ipairs({ ... }) do reply[#reply + 1] = value end
end

-- History is read after what came before it was written.
local histories = {}
local at = 12
while ARGV[at] do
  local kind = ARGV[at]
  if kind == 'p' then
    local token = ARGV[at + 3]
    if room_is_removed(room, ARGV[at + 4]) then
      say(3, 0, 0, '')
    else
      local stored, seq, time, payer = room_store(room, KEYS[3], ARGV[at + 1], ARGV[at + 2], token ~= '' and token or nil)
      if stored then say(1, seq, time, token) else say(2, seq, time, payer) end
    end
    at = at + 5
  elseif kind == 'q' then
    local seq, time, payer = room_find(room, KEYS[3], ARGV[at + 1])
    if room_is_removed(room, ARGV[at + 2]) then
      say(3, 0, 0, '')
    elseif seq then
      say(2, seq, time, payer)
    else
      say(0, 0, 0, '')
    end
    at = at + 3
  elseif kind == 'h' then
    histories[#histories + 1] = { #reply, room.seq, ARGV[at + 1], ARGV[at + 2], ARGV[at + 3] }
    say('', 0)
    at = at + 4
  else
    local seq = tonumber(ARGV[at + 2])
    local moved = not room_is_removed(room, ARGV[at + 3]) and room_mark(room, KEYS[4], ARGV[at + 1], seq)
    say(moved and seq or 0)
    at = at + 4
  end
end

room_write(room)
room_settle(room)
for _, each in ipairs(histories) do
  local place, newest, before, after, count = unpack(each)
  local list, more = room_history(room, newest, tonumber(before), tonumber(after), tonumber(count), BUDGET)
  reply[place + 1], reply[place + 2] = list, more and 1 or 0
end
room_finish(room, KEYS[3])
return { room.epoch == ARGV[10] and '' or room.epoch, reply }
