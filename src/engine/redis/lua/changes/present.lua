-- Included by messages/conversation.lua: what changes have made of messages (docs/decisions/0037-changes.md). Where nothing was ever
-- changed, none of it is called.
--
-- Keys beside those of a conversation's messages; their names begin as that of `meta`:
--
--   changes      hash  rev → "<newest change> <its time>"
--                      events → those of the newest script that stored changes, as an entry (feed/entries.lua)
--                      <seq> → "<time> <digest>,<digest>…\t<state>\t<body>", the sum of a message's changes: `encodeState` of
--                      src/core/changes/message-state.ts, and the content, if it is not that of the log
--                      <seq> <user> → a user's reactions to a message, as JSON; '' for none
--                      #<name> → "<seq> <rev> <time>", a change that has this id
--   revs         zset  seq → the newest change of a message. May have a newer one: it is written before
--   by:<seq>:<digest>  zset  user → rev, for one reaction to a message. May have more users: it is written before and removed after
--   change-ids   zset  name of an id → rev
--   rounds       zset  "<rev> <time>" → rev, the newest change of each of the newest scripts that stored changes. May have a newer one
--   blank        set   the seqs of messages whose text is to leave the log. May have more
--
-- In `meta`: rev, the newest change and its time; `revising`, that of a script that has begun to store changes. A script that finds
-- `revising` sets `rev` to what is in `changes` (changes_heal).
--
-- An id of a change has the value 'c' in the hash `ids`, so that a message of this id finds it; it counts only if it is in `changes`.

local changes_heal, changes_key, changes_present, changes_values, changes_own, changes_forget
local changes_forget_all, changes_id, changes_are_lost, changes_expire

-- As speech_load.
local function changes_load()

-- Called when a script has ended after it had begun to store changes.
changes_heal = function(meta)
  local newest, events = unpack(call('HMGET', changes_key(meta, 'changes'), 'rev', 'events'))
  if newest then
    if events and newest ~= call('HGET', meta, 'rev') then feed_add(FEED, events) end
    call('HSET', meta, 'rev', newest)
  end
  call('HDEL', meta, 'revising')
end

changes_key = function(meta, what)
  return string.sub(meta, 1, -5) .. what
end

-- Returns the record of the message `seq` as it is now. `value`: as in the hash `changes`. The log names a sender that was erased until it
-- is rewritten (changes/blank.lua).
changes_present = function(record, value, seq)
  local state, body = string.match(value, '^[^\t]*\t([^\t]*)\t(.*)$')
  if string.find(state, ',"person":true}', 1, true) then
    record = string.gsub(record, '^([^\t]*)\t[^\t]*\t[^\t]*\t', '%1\t~erased\t' .. seq .. '\t')
  end
  if body == '' then return record .. state end
  return string.match(record, '^[^\t]*\t[^\t]*\t[^\t]*\t') .. body .. state
end

-- Returns the values of entries of a log, false for those that were never changed. Those with reactions are added to
-- `conversation.reacted`.
changes_values = function(conversation, entries)
  local seqs = {}
  for i, entry in ipairs(entries) do seqs[i] = string.match(entry[1], '^%d+') end
  local values = call('HMGET', changes_key(conversation.meta, 'changes'), unpack(seqs))
  for i, value in ipairs(values) do
    if value and string.find(value, ',"reactions":', 1, true) then
      conversation.reacted = conversation.reacted or {}
      table.insert(conversation.reacted, seqs[i])
    end
  end
  return values
end

-- Returns the reactions of a user to the messages that `changes_values` has found: a line "=seq reactions" for each.
changes_own = function(conversation, user)
  local fields = {}
  for i, seq in ipairs(conversation.reacted) do fields[i] = seq .. ' ' .. user end
  local lines = {}
  for i, own in ipairs(call('HMGET', changes_key(conversation.meta, 'changes'), unpack(fields))) do
    if own and own ~= '' then lines[#lines + 1] = '=' .. conversation.reacted[i] .. ' ' .. own end
  end
  return lines
end

-- Removes the reactions to a message. Their digests are in `value`.
changes_forget = function(meta, seq, value)
  local changes = changes_key(meta, 'changes')
  for digest in string.gmatch(string.match(value, '^%d+ ([^\t]*)'), '[^,]+') do
    local key = changes_key(meta, 'by:' .. seq .. ':' .. digest)
    local users = call('ZRANGE', key, 0, -1)
    for first = 1, #users, 1000 do
      local fields = {}
      for i = first, math.min(first + 999, #users) do fields[#fields + 1] = seq .. ' ' .. users[i] end
      call('HDEL', changes, unpack(fields))
    end
    call('UNLINK', key)
  end
end

-- Removes what is stored about messages from `first` to `last`, which are not kept any more.
changes_forget_all = function(meta, first, last)
  local changes = changes_key(meta, 'changes')
  for from = first, last, 500 do
    local seqs = {}
    for seq = from, math.min(from + 499, last) do seqs[#seqs + 1] = string.format('%d', seq) end
    for i, value in ipairs(call('HMGET', changes, unpack(seqs))) do
      if value then
        changes_forget(meta, seqs[i], value)
        call('HDEL', changes, seqs[i])
        call('ZREM', changes_key(meta, 'revs'), seqs[i])
      end
    end
  end
end

-- Returns "seq rev time" of the change of this name, if its message is kept; `first` returns the oldest seq that is.
changes_id = function(conversation, ids, name, first)
  if call('HGET', ids, name) ~= 'c' then return nil end
  local found = call('HGET', changes_key(conversation.meta, 'changes'), '#' .. name)
  if found and tonumber(string.match(found, '^%d+')) >= first(conversation, conversation.seq) then return found end
end

-- Gives the keys that all changes of a conversation share the expiry of a log of `days`; 0 for none.
changes_expire = function(meta, days)
  for _, what in ipairs({ 'changes', 'revs', 'change-ids', 'rounds' }) do
    local key = changes_key(meta, what)
    if days > 0 then call('PEXPIRE', key, days * 86400000 + 120000) else call('PERSIST', key) end
  end
end

-- Whether the store lacks a change that a node knows. One that is older than all `rounds` cannot be compared.
changes_are_lost = function(meta, stored, rev, time)
  local newest, at = string.match(stored or '0 0', '^(%d+) (%d+)$')
  if tonumber(newest) < tonumber(rev) then return true end
  if time == '0' then return false end
  if newest == rev then return at ~= time end
  -- All changes of a script have the same time.
  local rounds = changes_key(meta, 'rounds')
  local round = call('ZRANGEBYSCORE', rounds, rev, '+inf', 'LIMIT', 0, 1)[1]
  if string.match(round or '', '%d+$') == time then return false end
  local oldest = call('ZRANGE', rounds, 0, 0)[1]
  return oldest ~= nil and tonumber(string.match(oldest, '^%d+')) <= tonumber(rev)
end

end
