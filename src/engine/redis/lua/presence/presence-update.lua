-- Changes which users are present in a conversation through one incarnation of a node, and announces the difference. Announces
-- nothing if there is none, so when two nodes sweep the same node only one of them announces its users (P2). Versions are those of
-- src/core/conversation/presence/remote-presence.ts.
--
-- The version is written first: if the script ends after that, every node sees that it has missed a change, and reads all users.
--
-- A user may be present through several incarnations, so an event is written when the first one joins and the last one leaves (EV3).
--
-- KEYS[1]  hash of present users: "<incarnation> <user>" -> since; "version" -> a number that increases while a user is present;
--          "through" -> the incarnations that may have users
-- KEYS[2]  the events
-- ARGV[1]  channel of the conversation
-- ARGV[2]  PUBLISH | SPUBLISH
-- ARGV[3]  incarnation
-- ARGV[4]  change (only the listed users) | exactly (other users of this incarnation leave)
-- ARGV[5]  expiry of the hash in milliseconds
-- ARGV[6]  the types of events that are written
-- ARGV[7…] user, j, since: the user is present; user, l, at: the user left then. With `exactly`, other users left now

-- include feed/entries

-- So many other incarnations are looked at before the list is made again.
local MOST_THROUGH = 16

local key, incarnation = KEYS[1], ARGV[3]
local prefix = incarnation .. " "
local time = redis.call("TIME")
local now = string.format("%.0f", time[1] * 1000 + math.floor(time[2] / 1000))
local named, joined, left, set, gone = {}, {}, {}, {}, {}
local through = redis.call("HGET", key, "through") or ""
local others = {}
for each in string.gmatch(through, "%S+") do
  if each ~= incarnation then others[#others + 1] = each end
end
-- Those that have no user any more are left out now and then.
if #others > MOST_THROUGH then
  local known = { [incarnation] = true }
  others = {}
  for _, field in ipairs(redis.call("HKEYS", key)) do
    local each = string.match(field, "^(%S+) ")
    if each and not known[each] then
      known[each] = true
      others[#others + 1] = each
    end
  end
  through = incarnation .. " " .. table.concat(others, " ")
  redis.call("HSET", key, "through", through)
end
local events = {}
local function add_event(type, user, at)
  if not string.find(ARGV[6], type, 1, true) then return end
  for _, other in ipairs(others) do
    if redis.call("HEXISTS", key, other .. " " .. user) == 1 then return end
  end
  local name = string.match(key, "^.*}:c:(.*):present$")
  local event = '{"type":"%s","at":%s,"conversation":"%s","user":"%s"}'
  events[#events + 1] = string.format(event, type, at, name, user)
end
-- Identifiers need no escapes in JSON.
local function remove_user(user, at)
  left[#left + 1] = '["' .. user .. '",' .. at .. "]"
  gone[#gone + 1] = prefix .. user
  add_event("presence.left", user, at)
end
for i = 7, #ARGV, 3 do
  local user, what, at = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  named[user] = true
  local isThere = redis.call("HEXISTS", key, prefix .. user) == 1
  if what == "l" then
    if isThere then remove_user(user, at) end
  elseif not isThere then
    joined[#joined + 1] = '["' .. user .. '",' .. at .. "]"
    set[#set + 1], set[#set + 2] = prefix .. user, at
    add_event("presence.joined", user, at)
  end
end
if ARGV[4] == "exactly" then
  for _, field in ipairs(redis.call("HKEYS", key)) do
    local user = string.sub(field, #prefix + 1)
    if string.sub(field, 1, #prefix) == prefix and not named[user] then remove_user(user, now) end
  end
end
local changed = #joined + #left > 0
if changed then
  local was = tonumber(redis.call("HGET", key, "version") or 0)
  local version = math.max(time[1] * 1000000 + time[2], was + 1)
  if #events > 0 then feed_add(KEYS[2], "e " .. now .. " [" .. table.concat(events, ",") .. "]") end
  if #joined > 0 and #others == 0 and through == "" then
    through = incarnation
    redis.call("HSET", key, "through", through)
  elseif #joined > 0 and not string.find(" " .. through .. " ", " " .. incarnation .. " ", 1, true) then
    redis.call("HSET", key, "through", through .. " " .. incarnation)
  elseif ARGV[4] == "exactly" and #ARGV == 6 and through ~= "" then
    redis.call("HSET", key, "through", table.concat(others, " "))
  end
  if redis.call("HLEN", key) - (was > 0 and 1 or 0) - redis.call("HEXISTS", key, "through") + #joined - #left == 0 then
    version = 0
    redis.call("DEL", key)
  else
    redis.call("HSET", key, "version", string.format("%.0f", version))
    redis.call("PEXPIRE", key, ARGV[5])
    for i = 1, #set, 1000 do redis.call("HSET", key, unpack(set, i, math.min(i + 999, #set))) end
    for i = 1, #gone, 1000 do redis.call("HDEL", key, unpack(gone, i, math.min(i + 999, #gone))) end
  end
  redis.call(ARGV[2], ARGV[1], 'R{"presence":{"incarnation":"' .. incarnation .. '","was":' .. string.format("%.0f", was)
    .. ',"version":' .. string.format("%.0f", version)
    .. ',"joined":[' .. table.concat(joined, ",") .. '],"left":[' .. table.concat(left, ",") .. "]}}")
else
  redis.call("PEXPIRE", key, ARGV[5])
end
return changed and 1 or 0
