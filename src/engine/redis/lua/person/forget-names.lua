-- Removes names by which repeats of an erased user's messages are found. Those of messages that came later stay, and those of streams
-- that are open: their repeats must be found.
--
-- KEYS  1: ids   2: log   3: drafts
-- ARGV  1: the last seq of the erased user's messages   then the names

local call = redis.call
local forgotten = {}
for i = 2, #ARGV do
  local name = ARGV[i]
  local value = call('HGET', KEYS[1], name) or ''
  local handle, number = string.match(value, '^d(%S+)'), string.match(value, '^%d+')
  local is_kept = handle and call('HEXISTS', KEYS[3], handle) == 1
  if number and tonumber(number) > tonumber(ARGV[1]) then
    -- A script may have ended before it had written the message of this name.
    local entry = call('XRANGE', KEYS[2], number, number)[1]
    is_kept = entry and entry[2][2] == name
  end
  if not is_kept then forgotten[#forgotten + 1] = name end
end
if #forgotten > 0 then call('HDEL', KEYS[1], unpack(forgotten)) end
