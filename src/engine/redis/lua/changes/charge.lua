-- Charges users for changes, or gives charges back.
--
-- A charge is kept under the name of its change for some minutes. If it is not known what became of the change, its repeat finds the
-- charge and is not charged again. The name is written before the charge: without one it counts for nothing.
--
-- KEYS  of each user: quota, charged; then, not in Cluster: the plan of an unfinished batch (interrupted-batch.lua), the epoch of the store
-- ARGV  1: '' or the time   2: the number of users
--       then of each user: limit; requests to charge, as many as are left, or below 0 to give back; the time of those, or '';
--       of each of these requests the name of its change, '' for none
-- Reply of each user: the number of requests that are charged now, or were before under their name; the milliseconds until one more is
--       accepted, 0 if it is now; and as accounts/quota-view; then the time

-- include connection/time
-- include messages/quota-log
-- include messages/interrupted-batch

-- The names that a user has at most: one request of each connection waits at a time.
local MOST_NAMES = 16
-- The milliseconds for which they are kept: clients repeat a request within seconds.
local KEPT_MS = 600000

local clock = store_time(ARGV[1])
local users = tonumber(ARGV[2])
local plan = KEYS[2 * users + 1]
local half = plan and redis.call('GET', plan)
if half then interrupted_heal(plan, half, redis.call('GET', KEYS[2 * users + 2])) end

-- The time of the newest charge under a name.
local function charged_at(list, name)
  if name == '' then return nil end
  for i = #list, 1, -1 do
    local time = string.match(list[i], '^(%d+) ')
    if string.sub(list[i], #time + 2) == name then return time end
  end
end

local reply, at = {}, 3
for i = 1, users do
  local limit, count, time = tonumber(ARGV[at]), tonumber(ARGV[at + 1]), ARGV[at + 2]
  at = at + 3
  local charged, key = 0, KEYS[2 * i]
  local list = count ~= 0 and redis.call('LRANGE', key, 0, -1) or {}
  local quota_log = quota_open(KEYS[2 * i - 1], clock)
  for each = at, at - count - 1 do
    local name = ARGV[each]
    local own = charged_at(list, name)
    quota_refund(quota_log, own or time)
    if own then redis.call('LREM', key, -1, own .. ' ' .. name) end
  end
  local added = {}
  for each = at, at + count - 1 do
    local name = ARGV[each]
    local own = charged_at(list, name)
    if not own or not quota_has(quota_log, own, 0) then
      if quota_wait(quota_log, limit) > 0 then break end
      quota_charge(quota_log)
      if name ~= '' then added[#added + 1] = string.format('%d ', clock) .. name end
    end
    charged = charged + 1
  end
  if #added > 0 then
    redis.call('RPUSH', key, unpack(added))
    redis.call('LTRIM', key, -MOST_NAMES, -1)
    redis.call('PEXPIRE', key, KEPT_MS)
  end
  at = at + math.abs(count)
  local n, wait = #reply, quota_wait(quota_log, limit)
  reply[n + 1], reply[n + 2], reply[n + 3], reply[n + 4] = charged, wait, quota_view(quota_log)
  quota_close(quota_log)
end
reply[#reply + 1] = string.format('%d', clock)
return reply
