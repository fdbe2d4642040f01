-- Included by the scripts that store messages, after members/speech: starts and ends streams. The rules of `stepDraft` of
-- src/core/streams/draft.ts and of `admitStream` of src/engine/sqlite/batch.ts.
--
-- A draft has the name of its message in the hash `ids`, as "d<handle> <token>". So a message of that name is refused, and costs
-- nothing more where there is no draft. At the end the name gets the seq of the message, as that of every message:
--
--   start: name ──▶ lease ──▶ place of the user ──▶ draft           end: name ──▶ message ──▶ head ──▶ draft, text, lease
--
-- A name without its draft is ignored. A draft whose message is stored already is removed when it is ended again.
--
-- Values of an operation, after those that its script needs:
--   S  rules name epoch user id handle data reply_to restart
--   E  rules handle why generation state by since data name content count, then of each append: n text data
--      why: e (its writer ends it), a (as e; an earlier try may have ended it), d (end it if it is due), r (its writer may not write any more),
--      x (without content, as `by` wants), c (say whether it is due; then no other node asks that for HELD_MS)
--      content: '' (what is stored); t and a text as JSON without its quotes, which takes the place of it together with data; r (rejected: a
--      message without content, and data is the reason as JSON, or '')
-- Rules: lease, idle, max, bytes, open streams of a user, time to stop

-- Results beside those of messages: the id is that of an open stream; the stream is taken over; the user has too many; the id is that of
-- a change.
local WRITING, TAKEN_OVER, TOO_MANY, OF_CHANGE = 7, 8, 9, 10
-- Results of E: a message; not the writer's any more; a gap; too large; not ended.
local ENDED, FENCED, GAP, TOO_LARGE, GOES_ON, IS_DUE = 1, 2, 3, 4, 5, 6

-- How long a node may take to decide about a stream that is over its time.
local HELD_MS = 3000

local stream_start, stream_end, stream_write, stream_of_name

-- As speech_load.
local function stream_load()

-- include streams/drafts

-- Of each conversation the streams that this script uses, by their handles; false for one that is not open.
local known = {}
-- Those that have changed, in their order.
local changed = {}
-- Of each list of a user's streams, how many are open.
local open_of = {}

local function stream_rules(text)
  local lease, idle, max, bytes, open, grace = string.match(text, '^(%d+) (%d+) (%d+) (%d+) (%d+) (%d+)$')
  return {
    lease = tonumber(lease),
    idle = tonumber(idle),
    max = tonumber(max),
    bytes = tonumber(bytes),
    open = tonumber(open),
    grace = tonumber(grace),
  }
end

local function stream_find(conversation, handle, header)
  local streams = known[conversation]
  if not streams then
    streams = {}
    known[conversation] = streams
  end
  if streams[handle] == nil then streams[handle] = stream_read(conversation.meta, handle, header) or false end
  local stream = streams[handle]
  return stream and not stream.ended and stream or nil
end

local function stream_change(stream)
  if not stream.changed then changed[#changed + 1] = stream end
  stream.changed = true
end

-- The open stream of this name, and the token under which it was charged (Cluster); nil if there is none.
stream_of_name = function(conversation, name)
  local found = call('HGET', conversation.ids, name)
  if not found then return nil end
  local handle, token = string.match(found, '^d(%S+) ?(.*)$')
  if handle then return stream_find(conversation, handle), token end
  -- The script of its end was aborted after it had written the name and before the message.
  local all = call('HGETALL', stream_key(conversation.meta, 'drafts'))
  for i = 1, #all, 2 do
    local stream = #all[i] == 12 and stream_find(conversation, all[i], all[i + 1])
    if stream and stream.name == name then return stream, string.match(found, '^%d+ ?(.*)$') end
  end
end

-- Whether a user may open one more stream, by the list of its streams (one Redis; in Cluster the node has found that out).
local function stream_has_place(list, rules)
  if not open_of[list] then
    open_of[list] = 0
    local all = call('HGETALL', list)
    for i = 1, #all, 2 do
      if call('HEXISTS', all[i + 1], all[i]) == 1 then
        open_of[list] = open_of[list] + 1
      else
        call('HDEL', list, all[i])
      end
    end
  end
  return open_of[list] < rules.open
end

local function stream_details(stream)
  local data = stream.data
  if not data and not stream.is_new then data = call('HGET', stream_key(stream.meta, 'drafts'), stream.handle .. '=') end
  return {
    stream.handle,
    stream.generation,
    stream.n,
    stream.started,
    stream.by,
    stream.answers,
    data or '',
    stream.n > 0 and stream_text(stream) or '',
  }
end

-- Starts a stream or takes it over, with the values from `at` on. `wait`: milliseconds until the user has a request left; `list` as in
-- stream_has_place, or whether there is a place. Returns the outcome, seq or time to wait, time, token of the charge, and details.
stream_start = function(conversation, kind, at, wait, token, list)
  local rules, name, epoch, user = stream_rules(ARGV[at]), ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  local handle, data, answers, restart = ARGV[at + 5], ARGV[at + 6], ARGV[at + 7], ARGV[at + 8] == '1'
  local exempt = string.find(kind, 'x', 1, true) and 'x' or ''
  local refusal, till
  if conversation.guard or kind ~= 'S' then
    if not speech_refusal then speech_load() end
    refusal, till = speech_refusal(conversation, kind, user)
  end
  if conversation_is_removed(conversation, epoch) then return 3, 0, 0, '' end
  local seq, time, paid_by = conversation_find(conversation, conversation.ids, name)
  local stream
  if not seq then stream, paid_by = stream_of_name(conversation, name) end
  -- What was charged before keeps its charge, also where its user may not write any more.
  paid_by = (seq or stream) and paid_by or ''
  if refusal and (refusal ~= MUTED or not seq) then return refusal, till, 0, paid_by end
  if seq then return 2, seq, time, paid_by end
  if stream then
    stream.generation, stream.renewed, stream.exempt = stream.generation + 1, CLOCK, exempt
    if restart then
      stream.n, stream.bytes, stream.parts, stream.drops = 0, 0, {}, true
      stream.reset, stream.appended = CLOCK, CLOCK
    end
    if data ~= '' then stream.data = data end
    stream_change(stream)
    return TAKEN_OVER, 0, 0, paid_by, stream_details(stream)
  end
  if conversation_is_change(conversation, conversation.ids, name) then return OF_CHANGE, 0, 0, '' end
  if wait > 0 then return 0, wait, 0, '' end
  if list == false or list ~= true and not stream_has_place(list, rules) then return TOO_MANY, 0, 0, '' end
  call('HSET', conversation.ids, name, token == '' and 'd' .. handle or 'd' .. handle .. ' ' .. token)
  stream = {
    meta = conversation.meta,
    handle = handle,
    generation = 1,
    started = CLOCK,
    renewed = CLOCK,
    reset = CLOCK,
    stop_at = nil,
    by = '',
    answers = answers,
    epoch = conversation.epoch,
    exempt = exempt,
    name = name,
    user = user,
    id = ARGV[at + 4],
    n = 0,
    bytes = 0,
    appended = CLOCK,
    parts = {},
    drops = false,
    data = data ~= '' and data,
    is_new = true,
    list = list ~= true and list,
    rules = rules,
    conversation = conversation,
  }
  if stream.list then open_of[list] = open_of[list] + 1 end
  local stop, by = string.match(answers ~= '' and call('HGET', stream_key(conversation.meta, 'cancelled'), answers) or '', '^(%d+) (.*)$')
  if stop and CLOCK < tonumber(stop) then stream.stop_at, stream.by = CLOCK + rules.grace, by end
  known[conversation] = known[conversation] or {}
  known[conversation][handle] = stream
  stream_change(stream)
  return 1, 0, 0, token, stream_details(stream)
end

local function stream_record(stream, state, erased_by, decided, decided_data)
  local content
  if decided == 'r' then
    local reason = #decided_data > 0 and ',"reason":' .. decided_data or ''
    content = '"text":"","erased":{"by":"approval","at":' .. CLOCK_TEXT .. reason .. '}'
  elseif string.sub(decided, 1, 1) == 't' then
    content = '"text":"' .. string.sub(decided, 2) .. '"' .. (decided_data ~= '' and ',"data":' .. decided_data or '')
  elseif erased_by then
    content = '"text":"","erased":{"by":"' .. erased_by .. '","at":' .. CLOCK_TEXT .. '}'
  else
    local data = stream.data or call('HGET', stream_key(stream.meta, 'drafts'), stream.handle .. '=')
    content = '"text":"' .. stream_text(stream) .. '"' .. (data and ',"data":' .. data or '')
  end
  local answers = stream.answers ~= '' and ',"reply_to":' .. stream.answers or ''
  local ending = ',"stream":{"stream":"' .. stream.handle .. '","state":"' .. state .. '"}'
  return 'm\t' .. stream.user .. '\t' .. stream.id .. '\t' .. content .. answers .. ending
end

-- The message of this name if it is what the stream has become: its seq, time and record.
local function stream_message(conversation, name, handle)
  local seq, time = conversation_find(conversation, conversation.ids, name)
  local entry = seq and call('XRANGE', conversation.log, seq, seq)[1]
  if entry and string.find(entry[2][6], ',"stream":{"stream":"' .. handle .. '",', 1, true) then return seq, time, entry[2][6] end
end

-- The state in which a stream ends now; nil if it does not. Of an `end` also the result if it is refused.
local function stream_ending(stream, rules, at)
  local why, since = ARGV[at + 2], tonumber(ARGV[at + 6])
  if why == 'r' then return 'interrupted' end
  if why == 'x' then return 'cancelled' end
  if why == 'd' or why == 'c' then
    local due = stream_due(stream, rules, since)
    local is_due = CLOCK >= due
    if is_due and why == 'd' then return stream.stop_at and CLOCK >= stream.stop_at and 'cancelled' or 'interrupted' end
    local leases, member = stream_lease(stream.meta, stream.handle)
    call('ZADD', leases, stream_number(is_due and CLOCK + HELD_MS or due), member)
    return nil, is_due and IS_DUE or GOES_ON
  end
  if stream.generation ~= tonumber(ARGV[at + 3]) then return nil, FENCED end
  local appended = stream_append(stream, at + 11, tonumber(ARGV[at + 10]), rules.bytes, CLOCK)
  if appended == 'gap' then return nil, GAP end
  if appended == 'too_large' then return nil, TOO_LARGE end
  if ARGV[at + 7] ~= '' and ARGV[at + 9] == '' then stream.data = ARGV[at + 7] end
  return ARGV[at + 4] ~= '' and ARGV[at + 4] or stream.stop_at and 'cancelled' or 'done'
end

-- Ends a stream, with the values from `at` on. Returns the outcome; seq, 0 for none, or of a gap the newest append; time; user; record.
stream_end = function(conversation, at)
  local rules, handle, name = stream_rules(ARGV[at]), ARGV[at + 1], ARGV[at + 8]
  local stream = stream_find(conversation, handle)
  if not stream then
    call('ZREM', stream_lease(conversation.meta, handle))
    if name == '' then return FENCED, 0, 0, '', '' end
    local seq, time, record = stream_message(conversation, name, handle)
    if seq and ARGV[at + 2] == 'a' and not string.find(record, '","state":"interrupted"}', 1, true) then
      return ENDED, seq, time, '', record
    end
    return FENCED, seq or 0, 0, '', ''
  end
  local state, kept = stream_ending(stream, rules, at)
  if not state then return kept, kept == GAP and stream.n or 0, 0, '', '' end
  stream.ended, stream.state = true, state
  stream_change(stream)
  if conversation_is_removed(conversation, stream.epoch) then return FENCED, 0, 0, stream.user, '' end
  local refused
  if conversation.guard then
    if not speech_refusal then speech_load() end
    refused = speech_refusal(conversation, stream.exempt == '' and 'E' or stream.exempt, stream.user)
    if refused then state = 'interrupted' end
    stream.state = state
  end
  local decided = ARGV[at + 9]
  if decided == 'r' then state = 'rejected' end
  local record = stream_record(stream, state, ARGV[at + 2] == 'x' and ARGV[at + 5], decided, ARGV[at + 7])
  local token = string.match(call('HGET', conversation.ids, stream.name) or '', '^%S+ (.*)$')
  local stored, seq, time = conversation_store(conversation, conversation.ids, stream.name, record, token, nil, true)
  if not stored then
    -- An earlier script has stored it, and was aborted before it had removed the draft.
    seq, time, record = stream_message(conversation, stream.name, handle)
    if not seq then return FENCED, 0, 0, stream.user, '' end
  end
  stream.seq = seq
  return refused and FENCED or ENDED, seq, time, stream.user, record
end

-- Writes an event of a stream. Its end may be written again by another script, because this one was aborted.
local function stream_event(stream, type, kind, state)
  local name = string.match(stream.meta, '^.*}:c:(.*):meta$')
  local event = {
    type = type,
    conversation = name,
    user = stream.user,
    seq = state and stream.seq,
    details = { stream = stream.handle, id = stream.id, reply_to = tonumber(stream.answers), state = state },
  }
  feed_add(FEED, kind .. ' ' .. CLOCK_TEXT .. ' ' .. (kind == 'd' and stream.handle .. ' ' or '') .. cjson.encode({ event }))
end

-- Writes what has changed, after the messages and the heads.
stream_write = function()
  for _, stream in ipairs(changed) do
    local meta, handle = stream.meta, stream.handle
    local drafts, leases, member = stream_key(meta, 'drafts'), stream_lease(meta, handle)
    if stream.ended then
      if stream.is_new then stream_event(stream, 'stream.started', 'e') end
      if stream.seq then stream_event(stream, 'stream.ended', 'd', stream.state) end
      -- In this order no text stays without its draft, and no draft without its lease.
      call('UNLINK', stream_list(meta, handle))
      call('HDEL', drafts, handle, handle .. '=')
      call('ZREM', leases, member)
    else
      if stream.is_new then
        local rules, conversation = stream.rules, stream.conversation
        call('ZADD', leases, stream_number(stream_due(stream, rules, 0)), member)
        if stream.list then
          call('HSET', stream.list, handle, drafts)
          call('PEXPIRE', stream.list, stream_number(rules.max + 2 * rules.lease))
        end
        if conversation.days > 0 then call('PEXPIRE', conversation.ids, stream_number(conversation.days * DAY + 2 * MINUTE)) end
      end
      if stream.data then
        call('HSET', drafts, handle, stream_header(stream), handle .. '=', stream.data)
      else
        call('HSET', drafts, handle, stream_header(stream))
      end
      if stream.drops then call('UNLINK', stream_list(meta, handle)) end
      if stream.is_new then stream_event(stream, 'stream.started', 'e') end
    end
  end
end

end

conversation_is_draft = function(conversation, name)
  if not stream_of_name then stream_load() end
  local stream, token = stream_of_name(conversation, name)
  return stream ~= nil, token
end
