-- Included by the scripts that charge. Implements `SlidingWindowLog` of src/core/conversation/quota.ts on a list of times, oldest
-- first, with one time for each request that was accepted in the last hour.
--
-- A script reads and writes the log of a user once, however many requests of that user it decides.

local RING_WINDOW = 3600000
local RING_MINUTE = 60000

-- Called when the clock was set back: moves all times back by the same difference, so that the newest is `clock`. The log never
-- has more requests in the window than the limit, and no user has to wait until the clock has caught up.
local function quota_move_back(key, by)
  local times, moved = redis.call('LRANGE', key, 0, -1), key .. ':moved'
  -- The new list is written under another key, so that the old one is complete until the rename.
  redis.call('DEL', moved)
  for first = 1, #times, 1000 do
    local part = {}
    for i = first, math.min(first + 999, #times) do part[#part + 1] = tonumber(times[i]) - by end
    redis.call('RPUSH', moved, unpack(part))
  end
  redis.call('PEXPIRE', moved, RING_WINDOW + 2 * RING_MINUTE)
  redis.call('RENAME', moved, key)
end

-- Removes times older than the window; returns the number of those that are left. Mostly none or one is removed, so the oldest
-- four are tried one by one before a binary search.
local function quota_expire(key, since)
  local count = redis.call('LLEN', key)
  for _ = 1, 4 do
    if tonumber(redis.call('LINDEX', key, 0)) > since then return count end
    redis.call('LPOP', key)
    count = count - 1
    if count == 0 then return 0 end
  end
  if tonumber(redis.call('LINDEX', key, 0)) > since then return count end
  -- Invariant: the time at index `old` is at or before `since`; that at `young`, if there is one, is after it.
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

-- `SlidingWindowLog.wait`: milliseconds until one more request is within `limit`; 0 if it is now.
local function quota_wait(quota_log, limit)
  local last = quota_log.kept + quota_log.added - limit
  if last < 0 then return 0 end
  if last >= quota_log.kept then return RING_WINDOW end
  return tonumber(redis.call('LINDEX', quota_log.key, last)) + RING_WINDOW - quota_log.now
end

-- `SlidingWindowLog.record`: adds one request, at the time of the log.
local function quota_charge(quota_log)
  quota_log.added = quota_log.added + 1
  quota_log.newest = quota_log.now
end

-- Whether more than `but` requests were charged at `time`.
local function quota_has(quota_log, time, but)
  return #redis.call('LPOS', quota_log.key, time, 'RANK', -1, 'COUNT', but + 1) > but
end

-- Removes one request that was charged at `time`; returns whether there was one.
local function quota_refund(quota_log, time)
  if redis.call('LREM', quota_log.key, -1, time) == 0 then return false end
  quota_log.kept = quota_log.kept - 1
  if quota_log.added == 0 then quota_log.newest = tonumber(redis.call('LINDEX', quota_log.key, -1)) end
  return true
end

-- For `SlidingWindowLog.view`: the number of requests in the window, and the milliseconds until the window is empty.
local function quota_view(quota_log)
  return quota_log.kept + quota_log.added, quota_log.newest and quota_log.newest + RING_WINDOW - quota_log.now or 0
end

-- The time that was formatted last, and its text: mostly all users of a script are charged at one time.
local quota_time, quota_text

-- Writes the new charges. Sets the expiry once a minute, which is enough, because it is two minutes longer than the window.
local function quota_close(quota_log)
  if quota_log.added == 0 then return end
  -- A text, because Redis takes long to format a number argument.
  if quota_log.now ~= quota_time then quota_time, quota_text = quota_log.now, string.format('%d', quota_log.now) end
  if quota_log.added == 1 then
    redis.call('RPUSH', quota_log.key, quota_text)
  else
    local times = {}
    for i = 1, quota_log.added do times[i] = quota_text end
    redis.call('RPUSH', quota_log.key, unpack(times))
  end
  if quota_log.was == nil or math.floor(quota_log.was / RING_MINUTE) ~= math.floor(quota_log.now / RING_MINUTE) then
    redis.call('PEXPIRE', quota_log.key, RING_WINDOW + 2 * RING_MINUTE)
  end
end
