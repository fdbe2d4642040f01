-- Removes the oldest events of a stream that are not kept.
--
-- KEYS  1: the events   2: the floor (feed/read.lua)
-- ARGV  1: events before this time are removed   2: the number of entries to keep, '' for all   3: the most entries to remove
-- Reply the number of entries that were removed

local call = redis.call
local before, most = tonumber(ARGV[1]), tonumber(ARGV[3])
local surplus = ARGV[2] == '' and 0 or call('XLEN', KEYS[1]) - tonumber(ARGV[2])
local removed, floor = 0, nil
for i, entry in ipairs(call('XRANGE', KEYS[1], '-', '+', 'COUNT', most)) do
  -- Of an entry that can be written again the time is the same; that of lost messages is when they were lost.
  local time = string.match(entry[2][2], '^l %d+ (%d+)') or string.match(entry[2][2], '^%l (%d+)')
  if i > surplus and tonumber(time) >= before then break end
  removed, floor = i, entry[1] .. ' ' .. time
end
if removed == 0 then return 0 end
-- Before the entries are removed, so that a reader that has not read them learns that they are missing.
call('SET', KEYS[2], floor)
local milliseconds, number = string.match(floor, '^(%d+)-(%d+)')
call('XTRIM', KEYS[1], 'MINID', milliseconds .. '-' .. string.format('%d', number + 1))
return removed
