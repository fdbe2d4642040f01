-- Reads a stream of events (src/engine/redis/feed/feed.ts).
--
-- KEYS  1: the events   2: the floor: "<id of the newest entry that was removed> <its time>"
-- ARGV  1: '' or the time   2: the largest number of entries
--       3: the id of the last entry that was read; '0-0' if there was none; '' to begin at the oldest entry without a look at what is
--       missing   4: 1 to return the entry that was read again
-- Reply the time; state; id; time; entries, of each its id and its value
--       state 0: the entries follow; id: the floor, or ''
--             1: entries after the one that was read were removed; id and time: the floor
--             2: the entry that was read is missing, because the store has lost it; id: the one to go on from, or ''

-- include connection/time

-- The store loses what was written last. Entries with ids below that of a lost one may be new, if the clock of the Redis that was
-- written to was ahead of the other one's: these milliseconds at most.
local CLOCKS_DIFFER = 10000

local call = redis.call
local stream, count, place = KEYS[1], tonumber(ARGV[2]), ARGV[3]
local floor, removed_at = string.match(call('GET', KEYS[2]) or '', '^(%S*) ?(%d*)$')
local state, id, entries = 0, floor, nil

local function split(text)
  local milliseconds, number = string.match(text, '^(%d+)-(%d+)')
  return tonumber(milliseconds), tonumber(number)
end

local function is_before(one, other)
  local milliseconds, number = split(one)
  local later, second = split(other)
  return milliseconds < later or milliseconds == later and number < second
end

if place == '' or place == '0-0' then
  if place ~= '' and floor ~= '' then state = 1 end
  entries = call('XRANGE', stream, '-', '+', 'COUNT', count)
else
  entries = call('XRANGE', stream, place, '+', 'COUNT', count + 1)
  if entries[1] and entries[1][1] == place then
    if ARGV[4] ~= '1' then table.remove(entries, 1) end
  elseif floor ~= '' and is_before(place, floor) then
    state = 1
  elseif place ~= floor then
    state = 2
    local before = string.format('%d', math.max(0, split(place) - CLOCKS_DIFFER))
    local newest = call('XREVRANGE', stream, before, '-', 'COUNT', 1)[1]
    id = newest and newest[1] or floor
    entries = call('XRANGE', stream, id == '' and '-' or '(' .. id, '+', 'COUNT', count)
  end
end
local values = {}
for i = 1, #entries do values[2 * i - 1], values[2 * i] = entries[i][1], entries[i][2][2] end
return { store_time(ARGV[1]), state, id, removed_at, values }
