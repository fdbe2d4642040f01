-- Included by the scripts that touch a conversation or a user: the store's time.
--
-- Time is Redis's own (Q1), never a node's: `given` is '' but in tests, which move time by hand. It may be behind what
-- is stored, after the machine's clock was set back; a script that goes on from stored times takes care of that.

local function store_time(given)
  if given ~= '' then return tonumber(given) end
  local t = redis.call('TIME')
  return tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
end
