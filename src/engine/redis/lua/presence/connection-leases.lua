-- Counts a user's connections over all nodes by `canAcquire` and `replaces` of src/core/lease-rules.ts.
--
-- KEYS[1]  hash: incarnation of a node -> the number of its connections that name no client
-- KEYS[2]  hash: slot of a client -> "<incarnation> <id> <opened>" of its connection, opened in milliseconds since 1970
-- ARGV[1]  take | give | settle
-- ARGV[2]  incarnation of the node that calls
-- ARGV[3]  take: the number that the plan allows, 0 for any number; settle: the number of this node's connections without a name
-- ARGV[4]  expiry in milliseconds; nodes settle more often than that
-- ARGV[5]  take: the age in milliseconds from which the slot's connection is replaced: `replaceableFrom` of the core
-- ARGV[6]  the number of named connections, each with three arguments from ARGV[8] on: slot, id, age in milliseconds.
--          take and give: one at most; settle: all of this node
-- ARGV[7]  1: also removes the named connections of the expired incarnations
-- then     incarnations that have expired
--
-- Reply to take: {1}, with incarnation and id of the replaced connection if there was one; {2} if a newer connection has the slot;
-- {0, incarnation, incarnation …} if the limit is reached, with the incarnations of the other connections. To settle:
-- {1, slot, slot …} with the slots that newer connections of other nodes have.
--
-- Redis does not undo the writes of an aborted script. Here each write is valid by itself: at worst one connection too many or
-- too few is counted, or a key does not expire, until the caller, which got the error, settles.
local counts, clients, what, incarnation = KEYS[1], KEYS[2], ARGV[1], ARGV[2]
local expiry, named = ARGV[4], tonumber(ARGV[6])
local now = 0
if named > 0 then
  local time = redis.call("TIME")
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end

local function holder(slot)
  local value = redis.call("HGET", clients, slot)
  if not value then return nil end
  local of, id, opened = string.match(value, "^(%S+) (%d+) (%d+)$")
  return { incarnation = of, id = id, opened = tonumber(opened) }
end

local function hold(slot, id, age)
  redis.call("HSET", clients, slot, string.format("%s %s %.0f", incarnation, id, now - tonumber(age)))
end

local gone = {}
for i = 8 + 3 * named, #ARGV do
  gone[ARGV[i]] = true
  redis.call("HDEL", counts, ARGV[i])
end
if ARGV[7] == "1" then
  local entries = redis.call("HGETALL", clients)
  for i = 1, #entries, 2 do
    if gone[string.match(entries[i + 1], "^%S+")] then redis.call("HDEL", clients, entries[i]) end
  end
end

local answer = { 1 }
if what == "take" then
  local slot, id, age = ARGV[8], ARGV[9], ARGV[10]
  local held = named > 0 and holder(slot)
  if held then
    local holderAge = now - held.opened
    if holderAge >= 0 and holderAge < tonumber(ARGV[5]) then return { 2 } end
    answer = { 1, held.incarnation, held.id }
  else
    local limit, sum = tonumber(ARGV[3]), redis.call("HLEN", clients)
    if limit > 0 then
      for _, count in ipairs(redis.call("HVALS", counts)) do sum = sum + tonumber(count) end
    end
    if limit > 0 and sum >= limit then
      answer = redis.call("HKEYS", counts)
      for _, value in ipairs(redis.call("HVALS", clients)) do answer[#answer + 1] = string.match(value, "^%S+") end
      table.insert(answer, 1, 0)
      return answer
    end
  end
  if named > 0 then hold(slot, id, age) else redis.call("HINCRBY", counts, incarnation, 1) end
elseif what == "give" and named > 0 then
  local held = holder(ARGV[8])
  if held and held.incarnation == incarnation and held.id == ARGV[9] then redis.call("HDEL", clients, ARGV[8]) end
elseif what == "give" then
  if redis.call("HINCRBY", counts, incarnation, -1) <= 0 then redis.call("HDEL", counts, incarnation) end
else
  if tonumber(ARGV[3]) > 0 then redis.call("HSET", counts, incarnation, ARGV[3]) else redis.call("HDEL", counts, incarnation) end
  local own = {}
  for i = 8, 7 + 3 * named, 3 do
    local held = holder(ARGV[i])
    own[ARGV[i]] = true
    -- Both connections were accepted, so the one that was opened last stays. An older one is from before a failover that lost writes.
    if not held or held.incarnation == incarnation or held.opened < now - tonumber(ARGV[i + 2]) then
      hold(ARGV[i], ARGV[i + 1], ARGV[i + 2])
    else
      answer[#answer + 1] = ARGV[i]
    end
  end
  local entries = redis.call("HGETALL", clients)
  for i = 1, #entries, 2 do
    if string.match(entries[i + 1], "^%S+") == incarnation and not own[entries[i]] then
      redis.call("HDEL", clients, entries[i])
    end
  end
end
redis.call("PEXPIRE", counts, expiry)
redis.call("PEXPIRE", clients, expiry)
return answer
