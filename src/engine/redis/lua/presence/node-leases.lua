-- Keeps the leases of nodes by the rule of src/core/nodes.ts: an expired lease is never renewed.
--
-- KEYS[1]  hash of all nodes: incarnation -> "<until> <facts as JSON>", until in milliseconds since 1970
-- ARGV[1]  look | begin | renew | end (removes the caller's lease) | forget (removes an expired lease)
-- ARGV[2]  incarnation
-- ARGV[3]  length of the lease in milliseconds
-- ARGV[4]  facts as JSON
-- ARGV[5]  now, in milliseconds since 1970; '' for the store's own time
--
-- Reply {1 if it was done, else 0; now; incarnation, entry, incarnation, entry …} with all entries after the change.
local now = tonumber(ARGV[5])
if not now then
  local time = redis.call("TIME")
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local what, incarnation = ARGV[1], ARGV[2]
local entry = redis.call("HGET", KEYS[1], incarnation)
local runs = entry and tonumber(string.match(entry, "^%d+")) > now
local done = 1
if what == "begin" or (what == "renew" and runs) then
  redis.call("HSET", KEYS[1], incarnation, string.format("%.0f ", now + ARGV[3]) .. ARGV[4])
elseif what == "end" or (what == "forget" and entry and not runs) then
  done = redis.call("HDEL", KEYS[1], incarnation)
elseif what ~= "look" then
  done = 0
end
local answer = { done, string.format("%.0f", now) }
for _, each in ipairs(redis.call("HGETALL", KEYS[1])) do answer[#answer + 1] = each end
return answer
