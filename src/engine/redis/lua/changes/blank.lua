-- Removes texts from the log that an edit has replaced or an erasure has removed, from the memory of Redis. An entry of a stream can be
-- neither replaced nor erased: what XDEL or XTRIM remove stays in its block. So all entries are copied to another stream, some in each
-- call, those without their texts, and the copy replaces the log. Removes the reactions to erased messages, too.
--
-- The log may get messages meanwhile: the last call copies all that is left. Messages without a change are never blanked.
--
-- KEYS  1: meta   2: log   3: blanked, the copy   4: blank   5: blanking, those of this copy   6: copy (rewrite-trimmed-log)
--       7: the bucket's conversations with texts to remove   8: changes
-- ARGV  1: the number of entries to copy   2: 1 to continue a copy that was begun
--       3: a user who was erased, whose name and ids leave the log, too; '' for none. Messages that are not forgotten keep the name
--       and the text, so that the next erasure finds them
-- Reply '' when all is done, 'more' to be called again at once

local call = redis.call
-- After this time a copy that is not continued expires, in milliseconds.
local ABANDONED = 600000

-- include changes/present
-- include changes/forgotten
changes_load()

local meta, log, copy, blank, blanking = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local changes = KEYS[8]

-- Removes the reactions to erased messages.
local function forget_reactions(seqs)
  for _, seq in ipairs(seqs) do
    local value = call('HGET', changes, seq)
    local at, digests, rest = string.match(value or '', '^(%d+) ([^\t]*)(\t.*)$')
    if at and digests ~= '' and string.find(rest, '^[^\t]*\t[^\t]*,"erased":') then
      changes_forget(meta, seq, value)
      call('HSET', changes, seq, at .. ' ' .. rest)
    end
  end
end

-- Returns a record without its text. What the message answers is in the hash `changes`; that it was a stream is looked for in the log.
local function blanked(record)
  local stream = string.match(record, ',"stream":{"stream":"[%w_-]+","state":"%a+"}$') or ''
  return string.match(record, '^[^\t]*\t[^\t]*\t[^\t]*\t') .. '"text":""' .. stream
end

if ARGV[2] ~= '1' then
  call('SUNIONSTORE', blanking, blanking, blank)
  call('UNLINK', blank, copy)
  forget_reactions(call('SMEMBERS', blanking))
end
local function finish()
  call('UNLINK', blanking)
  if call('EXISTS', blank) == 0 then call('SREM', KEYS[7], (string.match(meta, '^.*}:c:(.*):meta$'))) end
  return ''
end
local oldest = call('XRANGE', log, '-', '+', 'COUNT', 1)[1]
if not oldest or ARGV[3] == '' and call('EXISTS', blanking) == 0 then
  call('UNLINK', copy)
  return finish()
end
-- Discards the copy if entries in it were trimmed from the log since.
local begun = call('XRANGE', copy, '-', '+', 'COUNT', 1)[1]
if begun and begun[1] ~= oldest[1] then
  call('UNLINK', copy)
  begun = nil
end

local from = begun and '(' .. call('XREVRANGE', copy, '+', '-', 'COUNT', 1)[1][1] or '-'
local entries = call('XRANGE', log, from, '+', 'COUNT', ARGV[1])
if #entries > 0 then
  local seqs = {}
  for i, entry in ipairs(entries) do seqs[i] = string.match(entry[1], '^%d+') end
  local are_marked = call('SMISMEMBER', blanking, unpack(seqs))
  for i, entry in ipairs(entries) do
    local fields = entry[2]
    local is_named = ARGV[3] ~= '' and string.match(fields[6], '^[^\t]*\t([^\t]*)\t') == ARGV[3]
    if is_named or are_marked[i] == 1 then
      local value = call('HGET', changes, seqs[i])
      if is_named and changes_is_forgotten(value) then
        local kind, content = string.match(blanked(fields[6]), '^([^\t]*)\t[^\t]*\t[^\t]*\t(.*)$')
        fields[2] = '~erased ' .. seqs[i]
        fields[6] = kind .. '\t~erased\t' .. seqs[i] .. '\t' .. content
      elseif are_marked[i] == 1 then
        local body = string.match(value or '', '^[^\t]*\t[^\t]*\t(.*)$')
        -- `blank` may name a message whose change was not made.
        if body and body ~= '' then fields[6] = blanked(fields[6]) end
      end
    end
    call('XADD', copy, entry[1], unpack(fields))
  end
end
if #entries == tonumber(ARGV[1]) then
  call('PEXPIRE', copy, ABANDONED)
  return 'more'
end
-- The copy must get the expiry of the log before the rename, or the log would expire with the copy's.
local life = call('PTTL', log)
if life > 0 then call('PEXPIRE', copy, life) else call('PERSIST', copy) end
-- A copy that retention has begun has the texts.
call('UNLINK', KEYS[6])
call('RENAME', copy, log)
return finish()
