-- Cluster, first step of three (reserve, append, settle): charges a user for requests whose conversations lie in other
-- slots. Carries out `SlidingLog` of src/core/quota.ts.
--
-- The charge for a message is kept with its name, so that a repeat finds it, whichever node it comes to, and is not
-- charged again. A repeat is charged at its own time instead of the first one's: it is accepted now.
--
-- KEYS  1: quota   2: reserved, a hash: name → time and token
-- ARGV  1: '' or the time
--       then of each request: limit, name ('' for one that has none), a random token
-- Reply of each request: 1 (charged), 2 (charged before) or 0 (refused); its time, or how long to wait; how many are
--       charged now; after how long there is none any more; the token under which the message is to be stored

-- include time
-- include ring

local RESERVED_MANY = 200

local ring = ring_open(KEYS[1], store_time(ARGV[1]))

-- What was reserved for messages that never came is worth nothing after an hour.
if redis.call('HLEN', KEYS[2]) > RESERVED_MANY then
  local all = redis.call('HGETALL', KEYS[2])
  for i = 1, #all, 2 do
    if tonumber(string.match(all[i + 1], '^%d+')) <= ring.now - RING_WINDOW then
      redis.call('HDEL', KEYS[2], all[i])
    end
  end
end

local reply = {}
local function say(outcome, time, token)
  local used, reset = ring_view(ring)
  for _, value in ipairs({ outcome, time, used, reset, token }) do reply[#reply + 1] = value end
end

local mine = {}
for at = 2, #ARGV, 3 do
  local limit, name, token = tonumber(ARGV[at]), ARGV[at + 1], ARGV[at + 2]
  local found = name ~= '' and (mine[name] or redis.call('HGET', KEYS[2], name))
  local time, before = string.match(found or '', '^(%d+) (.*)$')
  if mine[name] then
    say(2, tonumber(time), before)
  elseif found and ring_refund(ring, time) then
    ring_charge(ring)
    mine[name] = string.format('%d %s', ring.now, before)
    say(2, ring.now, before)
  else
    local wait = ring_wait(ring, limit)
    if wait > 0 then
      say(0, wait, '')
    else
      ring_charge(ring)
      if name ~= '' then mine[name] = string.format('%d %s', ring.now, token) end
      say(1, ring.now, token)
    end
  end
end

ring_close(ring)
if next(mine) then
  for name, value in pairs(mine) do redis.call('HSET', KEYS[2], name, value) end
  redis.call('PEXPIRE', KEYS[2], RING_WINDOW + 2 * RING_MINUTE)
end
return reply
