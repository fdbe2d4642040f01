-- Reads the news of buckets (members/news-streams.ts).
--
-- KEYS  streams
-- ARGV  1: the largest number of entries to read of each   then of each stream the last entry that was read, '' for none,
--       or '$' to find its newest entry only
-- Reply of each stream: its entries after that one; 0 if that entry is missing; '' if the stream has expired after it; for '$' the id
--       of the newest entry, '' if there is none

-- include connection/time

local day_ago = store_time('') - 86400000
local reply = {}
for i, stream in ipairs(KEYS) do
  local position = ARGV[1 + i]
  if position == '$' then
    local newest = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1]
    reply[i] = newest and newest[1] or ''
  else
    local entries = redis.call('XRANGE', stream, position == '' and '-' or position, '+', 'COUNT', ARGV[1] + 1)
    if position ~= '' then
      if #entries > 0 and entries[1][1] == position then
        table.remove(entries, 1)
      elseif #entries == 0 and tonumber(string.match(position, '^%d+')) <= day_ago then
        entries = ''
      else
        entries = 0
      end
    end
    reply[i] = entries
  end
end
return reply
