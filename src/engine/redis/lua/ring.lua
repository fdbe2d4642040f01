-- Included by the scripts that charge: carries out `SlidingLog` of src/core/quota.ts on a list of times, oldest first,
-- one for each request that was accepted in the last hour.
--
-- A ring is read once and written once in a script, however many requests of its user are decided in between.

local RING_WINDOW = 3600000
local RING_MINUTE = 60000

-- The clock was set back: every time moves back by as much as brings the newest to `clock`. The requests lie no longer
-- ago than that, so never more than the limit fit in, and nobody waits for the clock to come back.
local function ring_move_back(key, by)
  local times, moved = redis.call('LRANGE', key, 0, -1), key .. ':moved'
  -- Beside the list, which is whole until the other one takes its place.
  redis.call('DEL', moved)
  for first = 1, #times, 1000 do
    local part = {}
    for i = first, math.min(first + 999, #times) do part[#part + 1] = tonumber(times[i]) - by end
    redis.call('RPUSH', moved, unpack(part))
  end
  redis.call('PEXPIRE', moved, RING_WINDOW + 2 * RING_MINUTE)
  redis.call('RENAME', moved, key)
end

-- Removes what has left the window; answers how many are left. Most often that is none or one, so the oldest are looked
-- at one by one before halving.
local function ring_expire(key, since)
  local count = redis.call('LLEN', key)
  for _ = 1, 4 do
    if tonumber(redis.call('LINDEX', key, 0)) > since then return count end
    redis.call('LPOP', key)
    count = count - 1
    if count == 0 then return 0 end
  end
  if tonumber(redis.call('LINDEX', key, 0)) > since then return count end
  -- The newest at or before `since` is at or after `old`; the oldest after it at or before `young`.
  local old, young = 0, count
  while young - old > 1 do
    local middle = math.floor((old + young) / 2)
    if tonumber(redis.call('LINDEX', key, middle)) <= since then old = middle else young = middle end
  end
  redis.call('LTRIM', key, young, -1)
  return count - young
end

local function ring_open(key, clock)
  local newest = tonumber(redis.call('LINDEX', key, -1))
  local ring = { key = key, now = clock, kept = 0, added = 0, newest = newest, was = newest }
  if newest == nil then return ring end
  if newest > clock then
    ring_move_back(key, newest - clock)
    ring.newest = clock
    ring.was = clock
  end
  if ring.newest <= clock - RING_WINDOW then
    redis.call('DEL', key)
    ring.newest = nil
    ring.was = nil
  else
    ring.kept = ring_expire(key, clock - RING_WINDOW)
  end
  return ring
end

-- `SlidingLog.wait`: milliseconds until one more fits under `limit`; 0 when it fits now.
local function ring_wait(ring, limit)
  local last = ring.kept + ring.added - limit
  if last < 0 then return 0 end
  if last >= ring.kept then return RING_WINDOW end
  return tonumber(redis.call('LINDEX', ring.key, last)) + RING_WINDOW - ring.now
end

-- `SlidingLog.record`: one more request at the ring's time.
local function ring_charge(ring)
  ring.added = ring.added + 1
  ring.newest = ring.now
end

-- Whether a request is there that was charged at `time`, beside `but` others of that time.
local function ring_has(ring, time, but)
  return #redis.call('LPOS', ring.key, time, 'RANK', -1, 'COUNT', but + 1) > but
end

-- Takes back one request that was charged at `time`; answers whether it was there.
local function ring_refund(ring, time)
  if redis.call('LREM', ring.key, -1, time) == 0 then return false end
  ring.kept = ring.kept - 1
  if ring.added == 0 then ring.newest = tonumber(redis.call('LINDEX', ring.key, -1)) end
  return true
end

-- What `SlidingLog.view` needs: how many are in the window, and after how many milliseconds it is empty again.
local function ring_view(ring)
  return ring.kept + ring.added, ring.newest and ring.newest + RING_WINDOW - ring.now or 0
end

-- Writes what was charged. The expiry is set anew once in a minute of the ring's time: it always outlasts the newest.
local function ring_close(ring)
  if ring.added == 0 then return end
  local times = {}
  for i = 1, ring.added do times[i] = ring.now end
  redis.call('RPUSH', ring.key, unpack(times))
  if ring.was == nil or math.floor(ring.was / RING_MINUTE) ~= math.floor(ring.now / RING_MINUTE) then
    redis.call('PEXPIRE', ring.key, RING_WINDOW + 2 * RING_MINUTE)
  end
end
