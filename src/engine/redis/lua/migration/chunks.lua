-- Included by the scripts of a migration. Lua passes at most some 8,000 arguments to a command.

-- Calls `write` with the values of a list, an even number of them at a time.
local function in_chunks(values, write)
  for from = 1, #values, 2000 do write(unpack(values, from, math.min(from + 1999, #values))) end
end
