-- Carries out the operations of one batch of a node, in their order (standalone Redis and Sentinel).
-- Implements `decidePost` of src/core/conversation/post-decision.ts, `refuseSpeech` of src/core/members/speech.ts, `SlidingWindowLog`
-- of src/core/conversation/quota.ts, `historyRange` of src/core/conversation/history.ts and `retentionFloor` of
-- src/core/conversation/retention.ts.
--
-- KEYS  1: the epoch of the store   2: the plan of an unfinished batch (interrupted-batch.lua)   3: the events
--       then of each conversation: meta, log, ids, channel
--       then of each charged user: quota
--       then of each read mark: the marks of its conversation
--       then of each user who may become a member: its list of conversations; and of each who starts a stream: that of its streams
--       last: the key that says that a node watches (inbox/watch.lua)
-- ARGV  1: '' or the time   2: a random text   3: messages and 4: days to keep   5: flags: t to write repeats too, r to write events of read marks
--       6: MAX_HISTORY_BYTES   7: the number of conversations   8: the number of users
--       9: the number of keys of marks
--       then of each conversation: newest seq known, its time or 0, epoch known, own subscriptions to its channel
--       then the operations, with the indexes of conversations and users; user 0 is not metered:
--         p conversation user limit name record epoch    a message; epoch: in which the sender has joined, or ''. The p can be
--                                                        followed by flags (members/speech.lua), of which the last is j with the
--                                                        limits of members and of conversations, and the index of the list
--         h conversation user limit before after count name   history; before and after may be ''; name: the user
--         m conversation key user seq epoch              a read mark; key: the index of its key among the keys of marks. The m can
--                                                        be followed by the flag x
--         q conversation name user epoch                 a message that is only looked up; the q can be followed by flags
--         S conversation user limit list …               the start of a stream, with the flags of a message, and
--         E conversation …                               the end of one; their values are in streams/operations.lua
-- Reply 1: the epoch of the store
--       2: of each conversation its epoch, '' if it is the one known; and " rev time" if there are changes
--       3: the results of the operations, one after the other:
--         p  1 seq at used reset (stored), 2 seq at used reset (a repeat), 0 wait 0 used reset (refused), 3 0 0 used
--            reset (the conversation was removed since); 4 (forbidden), 5 (banned) or 6 (muted), until or '', 0 used reset
--         q  as p, or 0 0 0 0 0 (it is not stored)
--         h  1 list more used reset, 0 wait 0 used reset (refused)
--         m  seq, or 0 when it did not move
--         S  as p, or 8 (taken over), 9 (too many); and details or ''. 10 of both: the id is that of a change
--         E  outcome, seq, time, user, record
--            An outcome 7 of p: the id is that of an open stream
--       4: if there are any, of each message or start with the flag j: 2 (the sender became a member), 1 (it was one) or 0

-- include connection/time

local CLOCK = store_time(ARGV[1])
local FRESH = ARGV[2]
local KEEP_MESSAGES, KEEP_DAYS = ARGV[3], ARGV[4]
local FEED, FEED_TAG = KEYS[3], #KEYS[3] - 9
local TOUCH = string.find(ARGV[5], 't', 1, true)
local READ_EVENTS = string.find(ARGV[5], 'r', 1, true)
local BUDGET = tonumber(ARGV[6])
local EPOCH, half, watched = unpack(redis.call('MGET', KEYS[1], KEYS[2], KEYS[#KEYS]))
local WATCHED = watched and tonumber(watched)
if not EPOCH then
  EPOCH = FRESH
  redis.call('SET', KEYS[1], EPOCH)
end

-- include messages/quota-log
-- include messages/interrupted-batch
-- include messages/conversation
-- include members/speech
-- include streams/operations

if half then interrupted_heal(KEYS[2], half, EPOCH) end

local conversation_count, users = tonumber(ARGV[7]), tonumber(ARGV[8])
local usersFrom = 3 + conversation_count * 4
local marksFrom = usersFrom + users
local listsFrom = marksFrom + tonumber(ARGV[9])
local at = 10

local conversations, epochs = {}, {}
for i = 1, conversation_count do
  local key = 4 * i
  local expected = ARGV[at + 2]
  local conversation = conversation_open(KEYS[key], KEYS[key + 1], tonumber(ARGV[at]), tonumber(ARGV[at + 1]), expected)
  conversation.ids = KEYS[key + 2]
  conversation_announce(conversation, KEYS[key + 3], tonumber(ARGV[at + 3]), 'PUBLISH', 'NUMSUB')
  epochs[i] = conversation.news
  conversations[i] = conversation
  at = at + 4
end

local quota_logs = {}
for i = 1, users do quota_logs[i] = quota_open(KEYS[usersFrom + i], CLOCK) end

local reply, n = {}, 0
local function add_result(a, b, c, quota_log)
  local used, reset = 0, 0
  if quota_log then used, reset = quota_view(quota_log) end
  reply[n + 1], reply[n + 2], reply[n + 3], reply[n + 4], reply[n + 5] = a, b, c, used, reset
  n = n + 5
end

-- History requests. They are read after the earlier messages of the batch were written.
local histories = {}
-- Messages with the flag j: flags, conversation, user; the user is nil unless the message was stored.
local joins
while ARGV[at] do
  local kind, conversation = ARGV[at], conversations[tonumber(ARGV[at + 1])]
  if kind == 'h' then
    local quota_log = quota_logs[tonumber(ARGV[at + 2])]
    local wait = quota_log and quota_wait(quota_log, tonumber(ARGV[at + 3])) or 0
    if wait > 0 then
      add_result(0, wait, 0, quota_log)
    else
      if quota_log then quota_charge(quota_log) end
      histories[#histories + 1] = { n, conversation, conversation.seq, ARGV[at + 4], ARGV[at + 5], ARGV[at + 6], ARGV[at + 7] }
      add_result(1, '', 0, quota_log)
    end
    at = at + 8
  elseif kind == 'm' or kind == 'mx' then
    local marks, seq = KEYS[marksFrom + tonumber(ARGV[at + 2])], tonumber(ARGV[at + 4])
    if conversation.guard and not speech_refusal then speech_load() end
    n = n + 1
    local moved = not conversation_is_removed(conversation, ARGV[at + 5])
      and not (conversation.guard and speech_refuses_mark(conversation, kind, ARGV[at + 3]))
      and conversation_mark(conversation, marks, ARGV[at + 3], seq)
    reply[n] = moved and seq or 0
    at = at + 6
  elseif kind ~= 'p' and string.find(kind, '^S') then
    if not stream_start then stream_load() end
    local quota_log = quota_logs[tonumber(ARGV[at + 2])]
    local wait = quota_log and quota_wait(quota_log, tonumber(ARGV[at + 3])) or 0
    local list = KEYS[listsFrom + tonumber(ARGV[at + 4])]
    local outcome, a, b, _, details = stream_start(conversation, kind, at + 5, wait, '', list)
    if outcome == 1 and quota_log then quota_charge(quota_log) end
    add_result(outcome, a, b, quota_log)
    n = n + 1
    reply[n] = details or ''
    if string.find(kind, 'j', 1, true) then
      joins = joins or {}
      joins[#joins + 1] = { kind, conversation, outcome == 1 and ARGV[at + 8] }
    end
    at = at + 14
  elseif kind == 'E' then
    if not stream_start then stream_load() end
    reply[n + 1], reply[n + 2], reply[n + 3], reply[n + 4], reply[n + 5] = stream_end(conversation, at + 2)
    n = n + 5
    at = at + 13 + 3 * tonumber(ARGV[at + 12])
  elseif kind ~= 'p' and string.find(kind, '^q') then
    if not consider_post then speech_load() end
    local outcome, a, b = consider_post(conversation, kind, ARGV[at + 2], ARGV[at + 3], ARGV[at + 4])
    add_result(outcome, a, b)
    at = at + 5
  else
    local user, name, record = tonumber(ARGV[at + 2]), ARGV[at + 4], ARGV[at + 5]
    local quota_log = quota_logs[user]
    local wait = quota_log and quota_wait(quota_log, tonumber(ARGV[at + 3])) or 0
    local refusal, till, stored
    if conversation.guard or kind ~= 'p' then
      if not speech_refusal then speech_load() end
      refusal, till = speech_refusal(conversation, kind, senders_of(record))
    end
    if conversation_is_removed(conversation, ARGV[at + 6]) then
      add_result(3, 0, 0, quota_log)
    elseif refusal and refusal ~= MUTED then
      add_result(refusal, till, 0, quota_log)
    elseif refusal or wait > 0 then
      local seq, time = conversation_find(conversation, conversation.ids, name)
      if seq then
        add_result(2, seq, time, quota_log)
      elseif refusal then
        add_result(refusal, till, 0, quota_log)
      else
        add_result(0, wait, 0, quota_log)
      end
    else
      local seq, time, _, is_change
      stored, seq, time, _, is_change = conversation_store(conversation, conversation.ids, name, record, nil, user)
      if stored and quota_log then quota_charge(quota_log) end
      if stored or seq then
        add_result(stored and 1 or 2, seq, time, quota_log)
      else
        add_result(is_change and OF_CHANGE or WRITING, 0, 0, quota_log)
      end
    end
    if kind ~= 'p' and string.find(kind, 'j', 1, true) then
      joins = joins or {}
      joins[#joins + 1] = { kind, conversation, stored and senders_of(record) }
    end
    at = at + 7
  end
end

-- All is decided. From here on the script may end after any write (interrupted-batch.lua, conversation.lua).
local begun = interrupted_begin(KEYS[2], quota_logs, conversations)
for i = 1, users do quota_close(quota_logs[i]) end
for i = 1, conversation_count do conversation_write(conversations[i]) end
feed_messages(conversations)
for i = 1, conversation_count do conversation_settle(conversations[i]) end
for _, each in ipairs(histories) do
  local place, conversation, newest, before, after, count, user = unpack(each)
  local list, more = conversation_history(conversation, newest, tonumber(before), tonumber(after), tonumber(count), BUDGET, user)
  reply[place + 2], reply[place + 3] = list, more and 1 or 0
end
if stream_write then stream_write() end
if begun then interrupted_end(KEYS[2]) end
local joined
if joins then
  joined = {}
  for i, each in ipairs(joins) do
    local flags, conversation, user = each[1], each[2], each[3]
    local members, of_user, list = string.match(flags, 'j(%d+) (%d+) (%d+)$')
    joined[i] = user and speech_join(conversation, user, tonumber(members), KEYS[listsFrom + list], tonumber(of_user)) or 0
  end
end
for i = 1, conversation_count do conversation_finish(conversations[i], conversations[i].ids) end
return { EPOCH, epochs, reply, joined }
