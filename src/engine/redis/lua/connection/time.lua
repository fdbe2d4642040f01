-- Included by the scripts that need the store's time.
--
-- It is the time of Redis (Q1), never that of a node. `given` is '' except in tests, which have a manual clock. The time may be
-- before stored times, if the clock of the machine was set back; a script that continues from stored times must handle that.

local function store_time(given)
  if given ~= '' then return tonumber(given) end
  local t = redis.call('TIME')
  return tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
end
