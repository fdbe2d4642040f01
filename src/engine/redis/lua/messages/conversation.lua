-- Included by the scripts that use a conversation. A script reads and writes a conversation once, however many messages it stores
-- in it: first it decides everything, then `conversation_write`, `conversation_settle` and `conversation_finish` write.
--
-- A script can end early, because it may not run a command or a key has another type, and Redis does not undo its writes. So
-- they are made in an order that leaves a valid state wherever it ends:
--
--   names ──▶ messages ──▶ event ──▶ seq of the head ──▶ marks ──▶ announcement, retention
--        │            │
--        │            └ the log is ahead of the head: the next script that finds this updates the head (conversation_heal)
--        └ a name without its message: a name is ignored unless the message at its seq has that name
--
-- A node that has sockets with an inbox watches for changed conversations (inbox/watch.lua). Only then they are recorded, in the
-- activity of their bucket.
--
-- The script that includes it must include messages/senders and feed/entries, and define these locals: FEED, the
-- stream of events; READ_EVENTS, whether read marks are written there; FEED_TAG, a place in names of channels, before the `}` of their tag; WATCHED, the time since when changes are
-- recorded, or nil; CLOCK, the store's time; EPOCH, the epoch of the store; FRESH, a random
-- text for a new epoch; KEEP_MESSAGES and KEEP_DAYS, the retention of conversations without limits of their own; TOUCH, whether
-- a repeat writes its name again, so that a following WAIT shows that a replica has the message.

local call = redis.call
local DAY = 86400000
local MINUTE = 60000
-- Messages beyond the number to keep that are tolerated. They are removed together, because a stream frees memory by blocks.
local TRIM_SLACK = 100
-- A batch removes at most this many messages more than it stores, so a full conversation does not grow.
local MAX_TRIMMED_BESIDE = 200
local READ_AT_ONCE = 16
-- Of the messages of a conversation within this time only the first is recorded in the activity of its bucket, in milliseconds.
local ACTIVITY_SPAN = 500

-- Formatted here once: Redis formats a number argument of each command as a fraction, which takes ten times as long.
local CLOCK_TEXT = string.format('%d', CLOCK)

-- The conversations that this script has opened.
local opened = {}

-- include changes/present

-- Whether an open stream has a name, and the token of its reservation; set by streams/operations.lua, which the scripts that store messages include.
local conversation_is_draft

-- Whether the message `seq` has the time `at`, at which a node has seen it; 0 if the node does not know the time. Also true if
-- the message was removed, because it cannot be compared then.
local function conversation_has(conversation, seq, at)
  if seq == 0 or at == 0 then return true end
  if seq == conversation.seq then return at == conversation.newestAt end
  local entry = call('XRANGE', conversation.log, seq, seq)[1]
  return entry == nil or tonumber(entry[2][4]) == at
end

-- `epochOf` of src/core/conversation/epoch.ts.
local function conversation_epoch(conversation)
  return conversation.life .. '.' .. string.format('%d', conversation.removals)
end

-- Whether a conversation was removed since a client joined it in the epoch `theirs` ('' where the request has none):
-- `relationOf` of src/core/conversation/epoch.ts.
local function conversation_is_removed(conversation, theirs)
  if theirs == '' or theirs == conversation.epoch then return false end
  local life, removals = string.match(theirs, '^(.+)%.(%d+)$')
  return life == conversation.life and tonumber(removals) < conversation.removals
end

-- Records that the inbox items of a conversation have changed, for one user or for all.
local function conversation_record(meta, now, user)
  local bucket, name = string.match(meta, '^(.*}:)c:(.*):meta$')
  call('ZADD', bucket .. 'activity', string.format('%d', now), user and name .. ' ' .. user or name)
end

-- The store's time, also in scripts that do without it.
local function conversation_now()
  if CLOCK ~= 0 then return CLOCK end
  local t = call('TIME')
  return tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
end

-- Records a change that is not a message, for the inbox of all users.
local function conversation_change(meta)
  local now = conversation_now()
  call('HSET', meta, 'changed', string.format('%d', now))
  if WATCHED then conversation_record(meta, now) end
end

-- Reads a conversation. `known` is the newest seq that the calling node has seen under the epoch `expected`, and `time` the time
-- of that message. If the node knows changes, `expected` is "epoch rev time". If the store is behind it or has another message or
-- change there, it has lost some, and the conversation begins a new epoch (D5), unless another node has done that already.
local function conversation_open(meta, log, known, time, expected)
  local m = call('HMGET', meta, 'seq', 'at', 'epoch', 'messages', 'days', 'swept', 'removals', 'guard', 'by', 'rev')
  local seq, newestAt, life, removals, by = tonumber(m[1] or 0), tonumber(m[2] or 0), m[3] or EPOCH, m[7] or '0', m[9] or ''
  -- Has all fields from the start, false where they are not known yet, because a table is slow to grow.
  local conversation = {
    meta = meta,
    log = log,
    ids = false,
    announce = false,
    channel = false,
    base = seq,
    seq = seq,
    newestAt = newestAt,
    at = newestAt > CLOCK and newestAt or CLOCK,
    time = newestAt > CLOCK and string.format('%d', newestAt) or CLOCK_TEXT,
    life = life,
    removals = tonumber(removals),
    epoch = life .. '.' .. removals,
    -- Letters that say why the sender's standing must be read (members/speech.lua); false if it need not be.
    guard = m[8],
    -- "rev time" of the newest change; false if nothing was ever changed.
    rev = m[10],
    -- What the node learns: '' or another epoch, and " rev time".
    news = false,
    reacted = false,
    messages = tonumber(m[4] or KEEP_MESSAGES),
    days = tonumber(m[5] or KEEP_DAYS),
    swept = tonumber(m[6] or 0),
    isNew = not m[3],
    -- The sender of the newest message, as it is in the head and with the messages of this script.
    by = by,
    sender = by,
    -- The payer of the newest message that this script stores.
    payer = false,
    -- Of other users who have sent messages that this script stores: the newest seq of each.
    sent = false,
    sweeps = false,
    marked = false,
    stored = 0,
    -- Of each message to store: name, seq, record, and the index of the user that is charged for it.
    posts = { nil, nil, nil, nil },
  }
  if conversation.rev and not changes_present then changes_load() end
  local is_behind = false
  if conversation.epoch ~= expected and expected ~= '' then
    local epoch, rev, changed = string.match(expected, '^(%S+) (%d+) (%d+)$')
    if epoch then expected, is_behind = epoch, not conversation.rev or changes_are_lost(meta, conversation.rev, rev, changed) end
  end
  if conversation.epoch == expected and (is_behind or conversation.seq < known or not conversation_has(conversation, known, time)) then
    conversation.life = FRESH
    conversation.epoch = conversation_epoch(conversation)
    local since, until_ = string.format('%d', newestAt), string.format('%d', math.max(newestAt, conversation_now()))
    feed_add(FEED, 'l ' .. since .. ' ' .. until_ .. ' ' .. string.match(meta, '^.*}:c:(.*):meta$'))
    call('HSET', meta, 'epoch', FRESH)
    conversation_change(meta)
  end
  conversation.news = conversation.epoch == expected and '' or conversation.epoch
  if conversation.rev then conversation.news = conversation.news .. ' ' .. conversation.rev end
  opened[#opened + 1] = conversation
  return conversation
end

-- Whether there is no such conversation, so that a message creates it.
local function conversation_is_created(conversation)
  if conversation.isNew then return true end
  if conversation.removals == 0 or string.find(conversation.guard or '', 'f', 1, true) then return false end
  return conversation.base == tonumber(call('HGET', conversation.meta, 'removed_seq'))
end

local function conversation_seq_of(id)
  return tonumber(string.match(id, '^%d+'))
end

-- Returns the oldest seq that is kept; `newest` + 1 if none is.
local function conversation_first(conversation, newest)
  local oldest = call('XRANGE', conversation.log, '-', '+', 'COUNT', 1)[1]
  return oldest and conversation_seq_of(oldest[1]) or newest + 1
end

-- Called when an earlier script ended after it had written messages and before it had written the head. Updates the heads of all
-- conversations of this script to their newest messages, and ends this script with an error, because it has decided by the old
-- heads. The node runs it again, but only once (retry-after-repair.ts), so all conversations must be repaired here.
local function conversation_heal()
  for _, conversation in ipairs(opened) do
    local newest = call('XREVRANGE', conversation.log, '+', '-', 'COUNT', 1)[1]
    local seq, known = newest and conversation_seq_of(newest[1]) or 0, tonumber(call('HGET', conversation.meta, 'seq') or 0)
    if seq > known then
      local by = senders_heal(conversation.meta, conversation.log, known + 1, seq)
      feed_found(FEED, conversation.meta, newest[2][4], known + 1, seq, conversation_is_created(conversation))
      call('HSET', conversation.meta, 'epoch', conversation.life, 'seq', seq, 'at', newest[2][4], 'by', by)
    end
  end
  error('PARLEYAGAIN')
end

-- Returns the seq and time of the message of this name, and the token of its reservation (Cluster); nil if there is none.
local function conversation_find(conversation, ids, name)
  local found = call('HGET', ids, name)
  if not found then return nil end
  local number, token = string.match(found, '^(%d+) ?(.*)$')
  if not number then return nil end
  local seq = tonumber(number)
  if seq > conversation.base and conversation.posts[4 * (seq - conversation.base) - 3] == name then return seq, conversation.at, token end
  local entry = call('XRANGE', conversation.log, number, number)[1]
  if entry == nil or entry[2][2] ~= name then return nil end
  if seq > conversation.base then conversation_heal() end
  if TOUCH then call('HSET', ids, name, found) end
  return seq, tonumber(entry[2][4]), token
end

-- Whether a name is that of a change.
local function conversation_is_change(conversation, ids, name)
  return conversation.rev and changes_id(conversation, ids, name, conversation_first) ~= nil
end

-- Decides to store a message and writes its name, unless there is a message of that name, or an open stream which is not the one
-- that becomes this message (`is_stream`). Returns true, its seq and time; or false and the result of `conversation_find`, and fifth, whether the id is that of a change. `record` is the message as messages/message-encoding.ts encodes it; scripts store,
-- announce and return it without reading it. `payer` is the index of its user, if the same script charges that user
-- (interrupted-batch.lua).
local function conversation_store(conversation, ids, name, record, token, payer, is_stream)
  local seq = conversation.seq + 1
  local number = string.format('%d', seq)
  local value = token and number .. ' ' .. token or number
  if call('HSETNX', ids, name, value) == 0 then
    local earlier, time, paidBy = conversation_find(conversation, ids, name)
    if earlier then return false, earlier, time, paidBy end
    local is_draft, token_of_draft = false, nil
    if not is_stream then is_draft, token_of_draft = conversation_is_draft(conversation, name) end
    if is_draft then return false, nil, nil, token_of_draft end
    if not is_stream and conversation_is_change(conversation, ids, name) then return false, nil, nil, nil, true end
    call('HSET', ids, name, value)
  end
  local stored, posts = conversation.stored + 1, conversation.posts
  local n = 4 * stored
  posts[n - 3], posts[n - 2], posts[n - 1], posts[n] = name, number, record, payer or 0
  -- The sender need not be read if the message before it has the same payer.
  if not payer or payer == 0 or payer ~= conversation.payer then
    local before, sender = conversation.sender, senders_of(record)
    conversation.payer = payer
    if sender ~= before then
      if before ~= '' then
        conversation.sent = conversation.sent or {}
        conversation.sent[before] = posts[n - 6] or string.format('%d', seq - 1)
      end
      conversation.sender = sender
    end
  end
  conversation.seq = seq
  conversation.stored = stored
  return true, seq, conversation.at
end

-- Writes the messages to the log. migration/append.lua writes the same fields.
local function conversation_write(conversation)
  if conversation.stored == 0 then return end
  local posts, log, at = conversation.posts, conversation.log, conversation.time
  local first = redis.pcall('XADD', log, posts[2], 'k', posts[1], 't', at, 'b', posts[3])
  if type(first) == 'table' and first.err then
    if string.find(first.err, 'equal or smaller', 1, true) then conversation_heal() end
    error(first.err)
  end
  for i = 5, 4 * conversation.stored, 4 do
    call('XADD', log, posts[i + 1], 'k', posts[i], 't', at, 'b', posts[i + 2])
  end
end

-- Removes at most `most` messages that are no longer kept (`retentionFloor` of src/core/conversation/retention.ts); returns their
-- number. Tolerates `slack` messages more than the number to keep.
local function conversation_trim(conversation, ids, slack, most)
  if conversation.messages <= 0 and conversation.days <= 0 then return 0 end
  local floor = conversation.messages > 0 and conversation.seq - conversation.messages or 0
  local since = conversation.days > 0 and CLOCK - conversation.days * DAY or -1
  local oldest = call('XRANGE', conversation.log, '-', '+', 'COUNT', 1)[1]
  if oldest == nil then return 0 end
  local first = conversation_seq_of(oldest[1])
  local tooMany = floor - first + 1 > slack
  local isOld = tonumber(oldest[2][4]) < since
  if not tooMany and not isOld then return 0 end
  -- If no message is too old, reads only those beyond the number to keep: each entry costs 2 µs.
  if not isOld then most = math.min(most, floor - first + 1) end
  local entries = call('XRANGE', conversation.log, '-', '+', 'COUNT', most)
  local names = {}
  for _, entry in ipairs(entries) do
    local seq = conversation_seq_of(entry[1])
    local old = tonumber(entry[2][4]) < since
    if not old and not (tooMany and seq <= floor) then break end
    names[#names + 1] = entry[2][2]
  end
  if #names == 0 then return 0 end
  -- Messages are removed before their names: a name without its message is ignored, but a message without its name could be
  -- stored twice. `trimmed` is set before both, because the texts stay in memory until rewrite-trimmed-log.lua removes them.
  call('HSET', conversation.meta, 'trimmed', 1)
  conversation_change(conversation.meta)
  call('XTRIM', conversation.log, 'MINID', conversation_seq_of(entries[#names][1]) + 1 .. '-0')
  call('HDEL', ids, unpack(names))
  if conversation.rev then changes_forget_all(conversation.meta, first, first + #names - 1) end
  return #names
end

-- Decides whether the stored messages are announced on `channel`. They are not if it has no more subscriptions than `mine`, those
-- of the calling node, which gets the messages in the reply. `publish` and `numsub` are the commands to use: Cluster has its own.
local function conversation_announce(conversation, channel, mine, publish, numsub)
  conversation.announce = call('PUBSUB', numsub, channel)[2] > mine and publish
  conversation.channel = channel
end

-- Writes the head and the read marks. From here on the stored messages are acknowledged, also after an early end.
local function conversation_settle(conversation)
  if conversation.stored > 0 then
    -- A conversation has its own copy of the epoch from its first message on: in Cluster the store's epoch can be lost alone.
    conversation.sweeps = CLOCK - conversation.swept >= MINUTE or CLOCK < conversation.swept
    local seq = conversation.posts[4 * conversation.stored - 2]
    -- Before the head: if the script ends between the two, `conversation_heal` writes it again.
    if conversation.sent then
      local sent, n = {}, 0
      for user, own in pairs(conversation.sent) do
        sent[n + 1], sent[n + 2] = user, own
        n = n + 2
      end
      call('HSET', senders_key(conversation.meta), unpack(sent))
    end
    local sender = conversation.sender
    if conversation.isNew then
      call('HSET', conversation.meta, 'epoch', conversation.life, 'seq', seq, 'at', conversation.time, 'swept', CLOCK_TEXT, 'by', sender)
    elseif conversation.sweeps then
      call('HSET', conversation.meta, 'seq', seq, 'at', conversation.time, 'swept', CLOCK_TEXT, 'by', sender)
    elseif sender ~= conversation.by then
      call('HSET', conversation.meta, 'seq', seq, 'at', conversation.time, 'by', sender)
    else
      call('HSET', conversation.meta, 'seq', seq, 'at', conversation.time)
    end
    -- Not for each message of a busy conversation. After the clock was set back, for each.
    local before = conversation.newestAt
    if WATCHED and (before <= WATCHED or CLOCK < before or math.floor(CLOCK / ACTIVITY_SPAN) > math.floor(before / ACTIVITY_SPAN)) then
      conversation_record(conversation.meta, CLOCK)
    end
  end
  if not conversation.marked then return end
  if READ_EVENTS then
    local events, name = {}, string.match(conversation.meta, '^.*}:c:(.*):meta$')
    for user, seq in pairs(conversation.moved) do
      events[#events + 1] = string.format('{"type":"read.marked","conversation":"%s","user":"%s","seq":%d}', name, user, seq)
    end
    feed_add(FEED, 'e ' .. CLOCK_TEXT .. ' [' .. table.concat(events, ',') .. ']')
  end
  call('HSET', conversation.marks, unpack(conversation.marked))
  if WATCHED then
    for user in pairs(conversation.moved) do conversation_record(conversation.meta, CLOCK, user) end
  end
end

-- Announces the stored messages, removes old ones, and sets the expiry, by which Redis removes a log that gets no more messages.
local function conversation_finish(conversation, ids)
  if conversation.stored == 0 then return end
  if conversation.announce then
    local lines = { 'M' .. conversation.epoch .. ' ' .. conversation.base + 1 .. ' ' .. conversation.seq .. ' ' .. conversation.time }
    if conversation.rev then lines[1] = lines[1] .. ' ' .. string.match(conversation.rev, '^%d+') end
    for i = 1, conversation.stored do lines[i + 1] = conversation.posts[4 * i - 1] end
    call(conversation.announce, conversation.channel, table.concat(lines, '\n'))
  end
  if conversation.sweeps then
    -- The names get their expiry first: a message without its name could be stored twice.
    if conversation.days > 0 then
      conversation_trim(conversation, ids, TRIM_SLACK, conversation.stored + MAX_TRIMMED_BESIDE)
      local life = conversation.days * DAY + 2 * MINUTE
      call('PEXPIRE', ids, life)
      call('PEXPIRE', conversation.log, life)
    else
      call('PERSIST', ids)
      call('PERSIST', conversation.log)
    end
    if conversation.rev then changes_expire(conversation.meta, conversation.days) end
  end
  if conversation.messages > 0 and conversation.seq > conversation.messages + TRIM_SLACK then
    conversation_trim(conversation, ids, TRIM_SLACK, conversation.stored + MAX_TRIMMED_BESIDE)
  end
end

-- include feed/messages
-- include messages/history

-- Returns the read mark of a user; 0 for none. Marks are stored as "seq time".
local function conversation_marked(marks, user)
  return tonumber(string.match(call('HGET', marks, user) or '0', '^%d+'))
end

-- Decides whether a user's read mark moves to `seq`: only forward, and not beyond the newest message. Returns whether it moves.
local function conversation_mark(conversation, marks, user, seq)
  local moved = conversation.moved or {}
  if seq < 1 or seq > conversation.seq or seq <= (moved[user] or conversation_marked(marks, user)) then return false end
  conversation.marks, conversation.moved, conversation.marked = marks, moved, conversation.marked or {}
  moved[user] = seq
  conversation.marked[#conversation.marked + 1] = user
  conversation.marked[#conversation.marked + 1] = string.format('%d %d', seq, CLOCK)
  return true
end
