-- Finds the messages of an erased user in a part of a log.
--
-- KEYS  1: log   2: changes
-- ARGV  1: where the part begins   2: the last seq to look at   3: the number of entries   4: user
-- Reply 1: the last entry of the part, '' if that was all   2: the number of messages that are forgotten, and which the log still names
--       3: the seqs of those that are not forgotten

-- include changes/forgotten

local call = redis.call
local entries = call('XRANGE', KEYS[1], ARGV[1], ARGV[2], 'COUNT', ARGV[3])
local named, late = 0, {}
for _, entry in ipairs(entries) do
  local sender = string.match(entry[2][6], '^[^\t]*\t([^\t]*)\t')
  if sender == ARGV[4] then
    local seq = string.match(entry[1], '^%d+')
    if changes_is_forgotten(call('HGET', KEYS[2], seq)) then
      named = named + 1
    else
      late[#late + 1] = seq
    end
  end
end
local last = #entries == tonumber(ARGV[3]) and entries[#entries][1] or ''
return { last, named, late }
