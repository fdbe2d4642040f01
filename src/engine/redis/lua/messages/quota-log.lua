-- Included by the scripts that charge: carries out `SlidingLog` of src/core/conversation/quota.ts on a list of times, oldest first,
-- one for each request that was accepted in the last hour.
--
-- A quota_log is read once and written once in a script, however many requests of its user are decided in between.

local RING_WINDOW = 3600000
local RING_MINUTE = 60000

-- The clock was set back: every time moves back by as much as brings the newest to `clock`. The requests lie no longer
-- ago than that, so never more than the limit fit in, and no user waits until the clock is where it was.
local function quota_move_back(key, by)
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

-- Removes what has left the window; returns how many are left. Most often that is none or one, so the oldest are looked
-- at one by one before halving.
local function quota_expire(key, since)
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

local function quota_open(key, clock)
  local newest = tonumber(redis.call('LINDEX', key, -1))
  local quota_log = { key = key, now = clock, kept = 0, added = 0, newest = newest, was = newest }
  if newest == nil then return quota_log end
  if newest > clock then
    quota_move_back(key, newest - clock)
    quota_log.newest = clock
    quota_log.was = clock
  end
  if quota_log.newest <= clock - RING_WINDOW then
    redis.call('DEL', key)
    quota_log.newest = nil
    quota_log.was = nil
  else
    quota_log.kept = quota_expire(key, clock - RING_WINDOW)
  end
  return quota_log
end

-- `SlidingLog.wait`: milliseconds until one more fits under `limit`; 0 when it fits now.
local function quota_wait(quota_log, limit)
  local last = quota_log.kept + quota_log.added - limit
  if last < 0 then return 0 end
  if last >= quota_log.kept then return RING_WINDOW end
  return tonumber(redis.call('LINDEX', quota_log.key, last)) + RING_WINDOW - quota_log.now
end

-- `SlidingLog.record`: one more request at the quota_log's time.
local function quota_charge(quota_log)
  quota_log.added = quota_log.added + 1
  quota_log.newest = quota_log.now
end

-- Whether a request is there that was charged at `time`, beside `but` others of that time.
local function quota_has(quota_log, time, but)
  return #redis.call('LPOS', quota_log.key, time, 'RANK', -1, 'COUNT', but + 1) > but
end

-- Takes back one request that was charged at `time`; returns whether it was there.
local function quota_refund(quota_log, time)
  if redis.call('LREM', quota_log.key, -1, time) == 0 then return false end
  quota_log.kept = quota_log.kept - 1
  if quota_log.added == 0 then quota_log.newest = tonumber(redis.call('LINDEX', quota_log.key, -1)) end
  return true
end

-- What `SlidingLog.view` needs: how many are in the window, and after how many milliseconds it is empty again.
local function quota_view(quota_log)
  return quota_log.kept + quota_log.added, quota_log.newest and quota_log.newest + RING_WINDOW - quota_log.now or 0
end

-- Writes what was charged. The expiry is set again once in a minute of the quota_log's time: it always outlasts the newest.
local function quota_close(quota_log)
  if quota_log.added == 0 then return end
  local times = {}
  for i = 1, quota_log.added do times[i] = quota_log.now end
  redis.call('RPUSH', quota_log.key, unpack(times))
  if quota_log.was == nil or math.floor(quota_log.was / RING_MINUTE) ~= math.floor(quota_log.now / RING_MINUTE) then
    redis.call('PEXPIRE', quota_log.key, RING_WINDOW + 2 * RING_MINUTE)
  end
end
