-- Finds out whether a part of a log has messages of a sender.
--
-- KEYS  1: log
-- ARGV  1: where the part begins   2: the number of entries   3: user
-- Reply 1: the last entry of the part, '' if the log ends with it   2: the number of messages

local found = 0
local entries = redis.call('XRANGE', KEYS[1], ARGV[1], '+', 'COUNT', ARGV[2])
for _, entry in ipairs(entries) do
  local sender = string.match(entry[2][6], '^[^\t]*\t([^\t]*)\t')
  if sender == ARGV[3] then found = found + 1 end
end
local last = #entries == tonumber(ARGV[2]) and entries[#entries][1] or ''
return { last, found }
