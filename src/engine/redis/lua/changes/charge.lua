-- Charges users for changes, or gives charges back.
--
-- KEYS  of each user: quota; then, not in Cluster: the plan of an unfinished batch (interrupted-batch.lua), the epoch of the store
-- ARGV  1: '' or the time   2: the number of users
--       then of each user: limit; requests to charge, as many as are left, or below 0 to give back; the time of those, or ''
-- Reply of each user: the number of charged requests; the milliseconds until one more is accepted, 0 if it is now; and as
--       accounts/quota-view; then the time

-- include connection/time
-- include messages/quota-log
-- include messages/interrupted-batch

local clock = store_time(ARGV[1])
local users = tonumber(ARGV[2])
local plan = KEYS[users + 1]
local half = plan and redis.call('GET', plan)
if half then interrupted_heal(plan, half, redis.call('GET', KEYS[users + 2])) end
local reply = {}
for i = 1, users do
  local limit, count, time = tonumber(ARGV[3 * i]), tonumber(ARGV[3 * i + 1]), ARGV[3 * i + 2]
  local quota_log = quota_open(KEYS[i], clock)
  local charged = 0
  for _ = 1, -count do quota_refund(quota_log, time) end
  while charged < count and quota_wait(quota_log, limit) == 0 do
    quota_charge(quota_log)
    charged = charged + 1
  end
  local n, wait = #reply, quota_wait(quota_log, limit)
  reply[n + 1], reply[n + 2], reply[n + 3], reply[n + 4] = charged, wait, quota_view(quota_log)
  quota_close(quota_log)
end
reply[#reply + 1] = string.format('%d', clock)
return reply
