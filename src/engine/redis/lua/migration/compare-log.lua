-- Reads messages of a conversation back, and whether each is found by its name.
--
-- KEYS  1: log   2: ids
-- ARGV  1: the message after which it begins, or '-'   2: the largest number of messages
-- Reply their number, their sum, the last one, the number of those that are not found by their name

-- include migration/checksum

local call = redis.call
local from = ARGV[1] == '-' and '-' or '(' .. ARGV[1]
local entries = call('XRANGE', KEYS[1], from, '+', 'COUNT', ARGV[2])
local sum, unknown, last = 0, 0, ''
for _, entry in ipairs(entries) do
  local fields = entry[2]
  last = entry[1]
  local seq = string.match(last, '^%d+')
  sum = checksum_add(sum, seq .. ' ' .. fields[4] .. ' ' .. fields[2] .. ' ' .. fields[6])
  if string.sub(fields[2], 1, 1) ~= '~' and call('HGET', KEYS[2], fields[2]) ~= seq then unknown = unknown + 1 end
end
return { #entries, string.format('%d', sum), last, unknown }
