-- Reads keys back that lua/migration/put.lua has written.
--
-- KEYS  keys
-- ARGV  of each key: its kind, as there
-- Reply of each key the number of its values, and their sum

-- include migration/checksum

local call = redis.call
local reply = {}
for i, key in ipairs(KEYS) do
  local kind, texts = ARGV[i], {}
  if kind == 's' then
    texts[1] = call('GET', key) or nil
  elseif kind == 'l' then
    for place, value in ipairs(call('LRANGE', key, 0, -1)) do texts[place] = place .. ' ' .. value end
  else
    local values = kind == 'h' and call('HGETALL', key) or call('ZRANGE', key, 0, -1, 'WITHSCORES')
    for n = 1, #values, 2 do texts[#texts + 1] = values[n] .. '\t' .. values[n + 1] end
  end
  local sum = 0
  for _, text in ipairs(texts) do sum = checksum_add(sum, text) end
  reply[2 * i - 1], reply[2 * i] = #texts, string.format('%d', sum)
end
return reply
