-- Changes who is in a conversation through one life of a node, and announces what that has changed: nothing when it is
-- so already, so that of two who sweep one node only one announces it (P2). Versions are those of src/core/gathering.ts.
--
-- KEYS[1]  hash of who is there: "<life> <user>" -> since; "version" -> a number that rises while anybody is there
-- ARGV[1]  channel of the conversation
-- ARGV[2]  PUBLISH | SPUBLISH
-- ARGV[3]  life
-- ARGV[4]  change (only those who are named) | exactly (who of this life is not named leaves)
-- ARGV[5]  expiry of the hash in milliseconds
-- ARGV[6…] user, since, user, since …; '' as since: the user leaves
local key, life = KEYS[1], ARGV[3]
local prefix = life .. " "
local stays, joined, left = {}, {}, {}
for i = 6, #ARGV, 2 do
  local user, since = ARGV[i], ARGV[i + 1]
  stays[user] = since ~= ""
  if since == "" then
    if redis.call("HDEL", key, prefix .. user) == 1 then left[#left + 1] = '"' .. user .. '"' end
  elseif redis.call("HSETNX", key, prefix .. user, since) == 1 then
    joined[#joined + 1] = '["' .. user .. '",' .. since .. "]"
  end
end
if ARGV[4] == "exactly" then
  for _, field in ipairs(redis.call("HKEYS", key)) do
    if string.sub(field, 1, #prefix) == prefix then
      local user = string.sub(field, #prefix + 1)
      if not stays[user] then
        redis.call("HDEL", key, field)
        left[#left + 1] = '"' .. user .. '"'
      end
    end
  end
end
local changed = #joined + #left > 0
if changed then
  local time = redis.call("TIME")
  local was = tonumber(redis.call("HGET", key, "version") or 0)
  local version = math.max(time[1] * 1000000 + time[2], was + 1)
  if redis.call("HLEN", key) - (was > 0 and 1 or 0) == 0 then
    version = 0
    redis.call("DEL", key)
  else
    redis.call("HSET", key, "version", string.format("%.0f", version))
  end
  local at = string.format("%.0f", time[1] * 1000 + math.floor(time[2] / 1000))
  -- Identifiers need no escapes in JSON.
  redis.call(ARGV[2], ARGV[1], 'R{"here":{"life":"' .. life .. '","was":' .. string.format("%.0f", was)
    .. ',"version":' .. string.format("%.0f", version) .. ',"at":' .. at
    .. ',"joined":[' .. table.concat(joined, ",") .. '],"left":[' .. table.concat(left, ",") .. "]}}")
end
redis.call("PEXPIRE", key, ARGV[5])
return changed and 1 or 0
