-- Cluster, first step of three (reserve, append, settle): charges a user for requests whose conversations lie in other
-- slots. Carries out `SlidingLog` of src/core/conversation/quota.ts.
--
-- The charge for a message is kept with its name, so that a repeat finds it, whichever node it comes to, and is not
-- charged again. A repeat is charged at its own time instead of the first one's: it is accepted now.
--
-- KEYS  1: quota   2: reserved, a hash: name → time and token
-- ARGV  1: '' or the time
--       then of each request: limit, name ('' for one that has none), a random token
-- Reply of each request: 1 (charged), 2 (charged before) or 0 (refused); its time, or how long to wait; how many are
--       charged now; after how long there is none any more; the token under which the message is to be stored

-- A reservation is written before its charge, and while a charge moves it names the old one, too: "time token" or "time
-- token old". So it is found wherever the script ended; what an end between two commands could leave is said at each.

-- include connection/time
-- include messages/quota-log

local RESERVED_MANY = 200

local quota_log = quota_open(KEYS[1], store_time(ARGV[1]))

local reply = {}
local function add_result(outcome, time, token)
  local used, reset = quota_view(quota_log)
  for _, value in ipairs({ outcome, time, used, reset, token }) do reply[#reply + 1] = value end
end

-- Charges that are given back, by their time: how many.
local back, all_back = {}, 0
local function take_back(time)
  back[time] = (back[time] or 0) + 1
  all_back = all_back + 1
  quota_log.kept = quota_log.kept - 1
end

-- `quota_wait`, where the list still holds what is given back.
local function wait_for(limit)
  local last = quota_log.kept + quota_log.added - limit
  if all_back == 0 or last < 0 or last >= quota_log.kept then return quota_wait(quota_log, limit) end
  local skipped = {}
  for _, time in ipairs(redis.call('LRANGE', KEYS[1], 0, last + all_back)) do
    if (skipped[time] or 0) < (back[time] or 0) then
      skipped[time] = (skipped[time] or 0) + 1
    elseif last == 0 then
      return tonumber(time) + RING_WINDOW - quota_log.now
    else
      last = last - 1
    end
  end
end

local mine, moving = {}, {}
for at = 2, #ARGV, 3 do
  local limit, name, token = tonumber(ARGV[at]), ARGV[at + 1], ARGV[at + 2]
  local found = name ~= '' and (mine[name] or redis.call('HGET', KEYS[2], name))
  local time, before, old = string.match(found or '', '^(%d+) (%S+) ?(%d*)$')
  if mine[name] then
    add_result(2, tonumber(time), before)
  else
    -- Where the charge that moved had come to: the new one was charged, or not.
    if old and old ~= '' then
      local moved = quota_has(quota_log, time, back[time] or 0)
      if not moved then time = old elseif quota_has(quota_log, old, back[old] or 0) then take_back(old) end
    end
    if found and quota_has(quota_log, time, back[time] or 0) then
      take_back(time)
      quota_charge(quota_log)
      mine[name] = string.format('%d %s', quota_log.now, before)
      moving[name] = time
      add_result(2, quota_log.now, before)
    else
      local wait = wait_for(limit)
      if wait > 0 then
        add_result(0, wait, '')
      else
        quota_charge(quota_log)
        if name ~= '' then mine[name] = string.format('%d %s', quota_log.now, token) end
        add_result(1, quota_log.now, token)
      end
    end
  end
end

local names, settled = {}, {}
for name, value in pairs(mine) do
  local old = moving[name]
  names[#names + 1], names[#names + 2] = name, old and value .. ' ' .. old or value
  if old then settled[#settled + 1], settled[#settled + 2] = name, value end
end
if #names > 0 then
  -- Alone: reservations without a charge, which a repeat charges.
  redis.call('HSET', KEYS[2], unpack(names))
  redis.call('PEXPIRE', KEYS[2], RING_WINDOW + 2 * RING_MINUTE)
end
-- Until here: charges that their reservations name, beside the old ones.
quota_close(quota_log)
for time, count in pairs(back) do redis.call('LREM', KEYS[1], -count, time) end
-- It cannot end here: HSET was allowed a moment ago, in the same script.
if #settled > 0 then redis.call('HSET', KEYS[2], unpack(settled)) end

-- What was reserved for messages that never came is worth nothing after an hour.
if redis.call('HLEN', KEYS[2]) > RESERVED_MANY then
  local all = redis.call('HGETALL', KEYS[2])
  for i = 1, #all, 2 do
    if tonumber(string.match(all[i + 1], '^%d+')) <= quota_log.now - RING_WINDOW then
      redis.call('HDEL', KEYS[2], all[i])
    end
  end
end
return reply
