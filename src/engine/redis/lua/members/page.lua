-- Returns members in the order of their names: `members` of MemberStore (src/core/ports/members.ts).
--
-- KEYS  1: names   2: members   3: marks
-- ARGV  1: the name after which they begin, '' for the first   2: the largest number of members
-- Reply of each: user, its value in members, its read mark or ''

local reply, from = {}, ARGV[1] == '' and '-' or '(' .. ARGV[1]
local most = 3 * ARGV[2]
while #reply < most do
  local names = redis.call('ZRANGE', KEYS[1], from, '+', 'BYLEX', 'LIMIT', 0, math.min(1000, (most - #reply) / 3))
  if #names == 0 then break end
  from = '(' .. names[#names]
  local values, marks = redis.call('HMGET', KEYS[2], unpack(names)), redis.call('HMGET', KEYS[3], unpack(names))
  for i, name in ipairs(names) do
    -- A name without a membership is left of a script that has ended early.
    if values[i] then
      local n = #reply
      reply[n + 1], reply[n + 2], reply[n + 3] = name, values[i], marks[i] or ''
    end
  end
end
return reply
