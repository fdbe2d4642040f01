-- Counts a user's connections over all nodes, by `mayTake` of src/core/leases.ts.
--
-- KEYS[1]  hash of the user's connections: life of a node -> how many it holds
-- ARGV[1]  take | give | settle
-- ARGV[2]  life of the node that calls
-- ARGV[3]  take: how many the plan allows, 0 for any number; settle: how many this node holds
-- ARGV[4]  expiry in milliseconds; nodes settle more often than that
-- ARGV[5…] lives that are known to be gone
--
-- Answers {1}, or {0, life, life …} when none is left: the lives that hold the others.
local key, what, life = KEYS[1], ARGV[1], ARGV[2]
for i = 5, #ARGV do redis.call("HDEL", key, ARGV[i]) end
if what == "take" then
  local limit, held = tonumber(ARGV[3]), 0
  for _, count in ipairs(redis.call("HVALS", key)) do held = held + tonumber(count) end
  if limit > 0 and held >= limit then
    local answer = redis.call("HKEYS", key)
    table.insert(answer, 1, 0)
    return answer
  end
  redis.call("HINCRBY", key, life, 1)
elseif what == "give" then
  if redis.call("HINCRBY", key, life, -1) <= 0 then redis.call("HDEL", key, life) end
elseif tonumber(ARGV[3]) > 0 then
  redis.call("HSET", key, life, ARGV[3])
else
  redis.call("HDEL", key, life)
end
redis.call("PEXPIRE", key, ARGV[4])
return { 1 }
