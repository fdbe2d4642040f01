-- Cluster, second step of three (reserve, append, settle): carries out the operations of one batch of a node in the conversations
-- of one bucket; in each conversation in their order. Implements `decidePost` of src/core/conversation/post-decision.ts, except for
-- the charge, `refuseSpeech` of src/core/members/speech.ts, `historyRange` of src/core/conversation/history.ts and `retentionFloor` of src/core/conversation/retention.ts.
--
-- KEYS  of each conversation: meta, log, ids, marks, channel
--       last: the events of the bucket, and the key of the bucket that says that a node watches (inbox/watch.lua)
-- ARGV  1: '' or the time   2: a random text   3: messages and 4: days to keep   5: flags: t to write repeats too, r to write events of read marks
--       6: MAX_HISTORY_BYTES   7: the epoch of the store
--       then of each conversation: the number of operations; newest seq known, its time or 0, epoch known; own subscriptions to
--       its channel, or '' if PUBSUB cannot count them (Cluster before 7): then everything is announced
--       then the operations, conversation by conversation:
--         p name record token epoch  a message; token: its reservation, '' if none is needed; epoch: in which the sender has
--                                    joined the conversation, or ''. The p can be followed by flags (members/speech.lua), of
--                                    which the last is j with the limit of members
--         q name user epoch          a message that was not charged: it is not stored, but looked up as a repeat; the q can be
--                                    followed by flags
--         h before after count user  history; before and after may be ''
--         m user seq epoch           a read mark; the m can be followed by the flag x
--         S charged token place …    the start of a stream, with the flags of a message; charged: 0 if the user has no request left;
--                                    place: 0 if it has too many streams
--         E …                        the end of a stream; the values of both are in streams/operations.lua
-- Reply 1: of each conversation its epoch, '' if it is the one known; and " rev time" if there are changes
--       2: the results of the operations, one after the other:
--         p, q  1 (stored), 2 (a repeat), 3 (the conversation was removed since) or 0; seq; at; the token of the reservation
--               under which it is stored. Or 4 (forbidden), 5 (banned) or 6 (muted); until or ''; 0; the token or ''
--         h     list, more
--               7: the id is that of an open stream; 10: that of a change
--         m     seq, or 0 when it did not move
--         S     as p, or 8 (taken over), 9 (too many); and details or ''
--         E     outcome, seq, time, user, record
--       3: if there are any, of each message or start with the flag j: 2 (the sender became a member), 1 (it was one) or 0

-- include connection/time

local CLOCK = store_time(ARGV[1])
local FRESH = ARGV[2]
local KEEP_MESSAGES, KEEP_DAYS = ARGV[3], ARGV[4]
local TOUCH = string.find(ARGV[5], 't', 1, true)
local READ_EVENTS = string.find(ARGV[5], 'r', 1, true)
local BUDGET = tonumber(ARGV[6])
local EPOCH = ARGV[7]
local FEED, FEED_TAG = KEYS[#KEYS - 1], #KEYS[#KEYS - 1] - 5
local WATCHED = redis.call('GET', KEYS[#KEYS])
WATCHED = WATCHED and tonumber(WATCHED)

-- include messages/senders
-- include feed/entries
-- include messages/conversation
-- include members/speech
-- include streams/operations

local conversations, epochs = {}, {}
local at = 8
for i = 1, math.floor(#KEYS / 5) do
  local key, expected, subscriptions = 5 * i - 4, ARGV[at + 3], ARGV[at + 4]
  local conversation = conversation_open(KEYS[key], KEYS[key + 1], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), expected)
  conversation.ids, conversation.marksKey, conversation.operations = KEYS[key + 2], KEYS[key + 3], tonumber(ARGV[at])
  if subscriptions == '' then
    conversation.announce, conversation.channel = 'PUBLISH', KEYS[key + 4]
  else
    conversation_announce(conversation, KEYS[key + 4], tonumber(subscriptions), 'SPUBLISH', 'SHARDNUMSUB')
  end
  epochs[i] = conversation.news
  conversations[i] = conversation
  at = at + 5
end

local reply, n = {}, 0
local function add_message(outcome, seq, time, payer)
  reply[n + 1], reply[n + 2], reply[n + 3], reply[n + 4] = outcome, seq, time, payer
  n = n + 4
end

-- History requests. They are read after the earlier messages of the batch were written.
local histories = {}

-- Messages with the flag j: flags, conversation, user; the user is nil unless the message was stored.
local joins

local function decide_post(conversation, kind)
  local name, record, token = ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  local refusal, till, stored
  if conversation.guard or kind ~= 'p' then
    if not speech_refusal then speech_load() end
    refusal, till = speech_refusal(conversation, kind, senders_of(record))
  end
  if conversation_is_removed(conversation, ARGV[at + 4]) then
    add_message(3, 0, 0, '')
  elseif refusal and refusal ~= MUTED then
    -- The sender learns nothing, but a message that was stored before the ban keeps its charge.
    local _, _, payer = conversation_find(conversation, conversation.ids, name)
    add_message(refusal, till, 0, payer or '')
  elseif refusal then
    local seq, time, payer = conversation_find(conversation, conversation.ids, name)
    if seq then add_message(2, seq, time, payer) else add_message(refusal, till, 0, '') end
  else
    local seq, time, payer, is_change
    stored, seq, time, payer, is_change = conversation_store(conversation, conversation.ids, name, record, token ~= '' and token or nil)
    if stored then
      add_message(1, seq, time, token)
    elseif seq then
      add_message(2, seq, time, payer)
    else
      add_message(is_change and OF_CHANGE or WRITING, 0, 0, payer or '')
    end
  end
  if kind ~= 'p' and string.find(kind, 'j', 1, true) then
    joins = joins or {}
    joins[#joins + 1] = { kind, conversation, stored and senders_of(record) }
  end
  at = at + 5
end

local function decide_uncharged_post(conversation, kind)
  if not consider_post then speech_load() end
  add_message(consider_post(conversation, kind, ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]))
  at = at + 4
end

local function decide_start(conversation, kind)
  if not stream_start then stream_load() end
  local wait, token, has_place = ARGV[at + 1] == '1' and 0 or 1, ARGV[at + 2], ARGV[at + 3] == '1'
  local outcome, a, b, payer, details = stream_start(conversation, kind, at + 4, wait, token, has_place)
  add_message(outcome, a, b, payer)
  n = n + 1
  reply[n] = details or ''
  if string.find(kind, 'j', 1, true) then
    joins = joins or {}
    joins[#joins + 1] = { kind, conversation, outcome == 1 and ARGV[at + 7] }
  end
  at = at + 13
end

local function decide_end(conversation)
  if not stream_start then stream_load() end
  reply[n + 1], reply[n + 2], reply[n + 3], reply[n + 4], reply[n + 5] = stream_end(conversation, at + 1)
  n = n + 5
  at = at + 12 + 3 * tonumber(ARGV[at + 11])
end

-- Decides about the operation at `at`, and moves `at` to the next one.
local function decide(conversation)
  local kind = ARGV[at]
  local letter = string.sub(kind, 1, 1)
  if letter == 'p' then
    decide_post(conversation, kind)
  elseif letter == 'q' then
    decide_uncharged_post(conversation, kind)
  elseif kind == 'h' then
    histories[#histories + 1] = { n, conversation, conversation.seq, ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4] }
    reply[n + 1], reply[n + 2] = '', 0
    n = n + 2
    at = at + 5
  elseif letter == 'S' then
    decide_start(conversation, kind)
  elseif letter == 'E' then
    decide_end(conversation)
  else
    local seq = tonumber(ARGV[at + 2])
    if conversation.guard and not speech_refusal then speech_load() end
    local moved = not conversation_is_removed(conversation, ARGV[at + 3])
      and not (conversation.guard and speech_refuses_mark(conversation, kind, ARGV[at + 1]))
      and conversation_mark(conversation, conversation.marksKey, ARGV[at + 1], seq)
    n = n + 1
    reply[n] = moved and seq or 0
    at = at + 4
  end
end

for i = 1, #conversations do
  for _ = 1, conversations[i].operations do decide(conversations[i]) end
end

-- All is decided. From here on the script may end after any write (conversation.lua).
for i = 1, #conversations do conversation_write(conversations[i]) end
feed_messages(conversations)
for i = 1, #conversations do conversation_settle(conversations[i]) end
if stream_write then stream_write() end
for _, each in ipairs(histories) do
  local place, conversation, newest, before, after, count, user = unpack(each)
  local list, more = conversation_history(conversation, newest, tonumber(before), tonumber(after), tonumber(count), BUDGET, user)
  reply[place + 1], reply[place + 2] = list, more and 1 or 0
end
local joined
if joins then
  joined = {}
  for i, each in ipairs(joins) do
    local flags, conversation, user = each[1], each[2], each[3]
    joined[i] = user and speech_join(conversation, user, tonumber(string.match(flags, 'j(%d+)$'))) or 0
  end
end
for i = 1, #conversations do conversation_finish(conversations[i], conversations[i].ids) end
return { epochs, reply, joined }
