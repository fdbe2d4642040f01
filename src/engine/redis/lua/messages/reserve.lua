-- Cluster, first step of three (reserve, append, settle): charges the users of one bucket for requests whose conversations may
-- be in other slots. Implements `SlidingWindowLog` of src/core/conversation/quota.ts.
--
-- The charge for a message is stored under the message's name, so that a repeat finds it on any node and is not charged again.
-- A repeat moves the charge to its own time, because it is accepted now.
--
-- KEYS  of each user: quota; reserved, a hash: name → time and token
-- ARGV  1: '' or the time
--       then of each user: the number of requests
--       then of each request, user by user: limit, name ('' for none), a random token
-- Reply of each request: 1 (charged), 2 (charged before) or 0 (refused); its time, or the milliseconds to wait; the number of
--       charges now; the milliseconds until there is none any more; the token under which the message is to be stored

-- Redis does not undo a script that ends early. A reservation is written before its charge: "time token", or "time token old"
-- while its charge is being moved from `old` to `time`. So the next script finds the charge wherever this one has ended; comments
-- below say what an end at that place leaves. All requests are decided before any user is charged: an error in reading the keys of
-- one user charges nobody else.

-- include connection/time
-- include messages/quota-log

local RESERVED_MANY = 200

local clock = store_time(ARGV[1])
local users = {}
for i = 1, #KEYS / 2 do
  local quota, reserved = KEYS[2 * i - 1], KEYS[2 * i]
  users[i] = {
    quota = quota,
    quota_log = quota_open(quota, clock),
    reserved = reserved,
    reserved_before = redis.call('HLEN', reserved),
    -- The reservations of this call, by name; and for moved charges their earlier times.
    mine = {},
    moving = {},
    -- The number of refunded charges, by their time.
    back = {},
    all_back = 0,
  }
end

local reply, n = {}, 0
local function add_result(outcome, time, token, quota_log)
  local used, reset = quota_view(quota_log)
  reply[n + 1], reply[n + 2], reply[n + 3], reply[n + 4], reply[n + 5] = outcome, time, used, reset, token
  n = n + 5
end

local function take_back(user, time)
  user.back[time] = (user.back[time] or 0) + 1
  user.all_back = user.all_back + 1
  user.quota_log.kept = user.quota_log.kept - 1
end

-- `quota_wait`, for a list that still has the refunded charges.
local function wait_for(user, limit)
  local quota_log, back = user.quota_log, user.back
  local last = quota_log.kept + quota_log.added - limit
  if user.all_back == 0 or last < 0 or last >= quota_log.kept then return quota_wait(quota_log, limit) end
  local skipped = {}
  for _, time in ipairs(redis.call('LRANGE', user.quota, 0, last + user.all_back)) do
    if (skipped[time] or 0) < (back[time] or 0) then
      skipped[time] = (skipped[time] or 0) + 1
    elseif last == 0 then
      return tonumber(time) + RING_WINDOW - quota_log.now
    else
      last = last - 1
    end
  end
end

local function reserve(user, limit, name, token)
  local quota_log, mine, back = user.quota_log, user.mine, user.back
  local found = name ~= '' and (mine[name] or redis.call('HGET', user.reserved, name))
  local time, before, old = string.match(found or '', '^(%d+) (%S+) ?(%d*)$')
  if mine[name] then
    add_result(2, tonumber(time), before, quota_log)
  else
    -- An earlier script ended while it moved this charge. Finds out whether the new time was charged already.
    if old and old ~= '' then
      local moved = quota_has(quota_log, time, back[time] or 0)
      if not moved then time = old elseif quota_has(quota_log, old, back[old] or 0) then take_back(user, old) end
    end
    if found and quota_has(quota_log, time, back[time] or 0) then
      take_back(user, time)
      quota_charge(quota_log)
      mine[name] = string.format('%d %s', quota_log.now, before)
      user.moving[name] = time
      add_result(2, quota_log.now, before, quota_log)
    else
      local wait = wait_for(user, limit)
      if wait > 0 then
        add_result(0, wait, '', quota_log)
      else
        quota_charge(quota_log)
        if name ~= '' then mine[name] = string.format('%d %s', quota_log.now, token) end
        add_result(1, quota_log.now, token, quota_log)
      end
    end
  end
end

local at = 2 + #users
for i, user in ipairs(users) do
  for _ = 1, tonumber(ARGV[1 + i]) do
    reserve(user, tonumber(ARGV[at]), ARGV[at + 1], ARGV[at + 2])
    at = at + 3
  end
end

for _, user in ipairs(users) do
  local names, settled = {}, {}
  for name, value in pairs(user.mine) do
    local old = user.moving[name]
    names[#names + 1], names[#names + 2] = name, old and value .. ' ' .. old or value
    if old then settled[#settled + 1], settled[#settled + 2] = name, value end
  end
  user.settled = settled
  if #names > 0 then
    -- An end after this leaves reservations without a charge. A repeat charges them.
    redis.call('HSET', user.reserved, unpack(names))
    redis.call('PEXPIRE', user.reserved, RING_WINDOW + 2 * RING_MINUTE)
  end
end
for _, user in ipairs(users) do
  -- An end after this leaves moved charges at both times; their reservations have both.
  quota_close(user.quota_log)
  for time, count in pairs(user.back) do redis.call('LREM', user.quota, -count, time) end
  -- This cannot fail, because the same script has run HSET on the same key.
  if #user.settled > 0 then redis.call('HSET', user.reserved, unpack(user.settled)) end
end

-- Deletes reservations older than the window: their messages were never stored, and their charges do not count any more.
for _, user in ipairs(users) do
  if user.reserved_before > RESERVED_MANY then
    local all = redis.call('HGETALL', user.reserved)
    for i = 1, #all, 2 do
      if tonumber(string.match(all[i + 1], '^%d+')) <= clock - RING_WINDOW then
        redis.call('HDEL', user.reserved, all[i])
      end
    end
  end
end
return reply
