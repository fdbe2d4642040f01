-- Finds the messages of a sender in a part of a log.
--
-- KEYS  1: log
-- ARGV  1: where the part begins   2: the number of entries   3: user
-- Reply 1: the last entry of the part, '' if the log ends with it   then the names by which repeats of the messages are found

local reply = { '' }
local entries = redis.call('XRANGE', KEYS[1], ARGV[1], '+', 'COUNT', ARGV[2])
for _, entry in ipairs(entries) do
  local sender = string.match(entry[2][6], '^[^\t]*\t([^\t]*)\t')
  if sender == ARGV[3] then reply[#reply + 1] = entry[2][2] end
end
if #entries == tonumber(ARGV[2]) then reply[1] = entries[#entries][1] end
return reply
