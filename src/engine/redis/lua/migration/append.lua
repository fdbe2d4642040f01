-- Appends messages of another store to conversations that no node uses yet (src/engine/redis/migration/log-writer.ts). An entry has
-- the fields that `conversation_write` of messages/conversation.lua gives it, with a time of its own.
--
-- May be run again: messages that are there are passed over. Names are written before their messages, as everywhere.
--
-- KEYS  of each conversation: log, ids
-- ARGV  of each conversation: the number of messages; then of each: seq, time, name, record
-- Reply the number of messages that were appended

-- include migration/chunks

local call = redis.call
local at, appended = 1, 0
for i = 1, #KEYS, 2 do
  local log, ids = KEYS[i], KEYS[i + 1]
  local newest = call('XREVRANGE', log, '+', '-', 'COUNT', 1)[1]
  local last = newest and tonumber(string.match(newest[1], '^%d+'))
  local stop = at + 4 * tonumber(ARGV[at])
  local first, names, n = nil, {}, 0
  for m = at + 1, stop, 4 do
    local seq = tonumber(ARGV[m])
    if not last or seq > last then
      if last and seq ~= last + 1 then return redis.error_reply('PARLEYGAP a message before ' .. ARGV[m] .. ' is missing in ' .. log) end
      first, last = first or m, seq
      -- Messages of persons who were erased have no name (changes/blank.lua).
      if string.sub(ARGV[m + 2], 1, 1) ~= '~' then
        names[n + 1], names[n + 2] = ARGV[m + 2], ARGV[m]
        n = n + 2
      end
    end
  end
  in_chunks(names, function(...) call('HSET', ids, ...) end)
  for m = first or stop + 1, stop, 4 do
    call('XADD', log, ARGV[m], 'k', ARGV[m + 2], 't', ARGV[m + 1], 'b', ARGV[m + 3])
    appended = appended + 1
  end
  at = stop + 1
end
return appended
