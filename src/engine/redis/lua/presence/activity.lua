-- What nodes share of their activity while somebody watches (core/ports/nodes/activity-board.ts).
--
-- KEYS[1]  hash of what nodes share: node -> "<at> <numbers>", at in milliseconds since 1970 by the store's clock
-- KEYS[2]  string that is there while somebody watches
-- ARGV[1]  share (a node's numbers, where somebody watches) | watch
-- ARGV[2]  node
-- ARGV[3]  its numbers; '' for none yet
-- ARGV[4]  share: how long they count, in milliseconds. watch: how long the request to watch counts
-- ARGV[5]  watch: numbers that are older are left out and removed, in milliseconds
--
-- Reply to share: 1 if somebody watches, else 0. Reply to watch: the numbers of all nodes.
if ARGV[1] == "share" and redis.call("EXISTS", KEYS[2]) == 0 then return 0 end
local time = redis.call("TIME")
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if ARGV[1] == "share" then
  if ARGV[3] ~= "" then
    redis.call("HSET", KEYS[1], ARGV[2], string.format("%.0f ", now) .. ARGV[3])
    redis.call("PEXPIRE", KEYS[1], ARGV[4])
  end
  return 1
end
redis.call("SET", KEYS[2], "1", "PX", ARGV[4])
local shared = {}
local entries = redis.call("HGETALL", KEYS[1])
for i = 1, #entries, 2 do
  local at, numbers = string.match(entries[i + 1], "^(%d+) (.*)$")
  if at and now - tonumber(at) <= tonumber(ARGV[5]) then
    shared[#shared + 1] = numbers
  else
    redis.call("HDEL", KEYS[1], entries[i])
  end
end
return shared
