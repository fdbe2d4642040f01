-- Charges a user several requests at once, or none: `SlidingWindowLog.retryAfterMany` of src/core/conversation/quota.ts.
--
-- KEYS  as in accounts/quota-view.lua
-- ARGV  1: '' or the time   2: limit   3: the number of requests, at most the limit
-- Reply the milliseconds to wait, 0 if they were charged; the number of requests that were accepted in the last hour; the
--       milliseconds until none of them is in the last hour

-- include connection/time
-- include messages/quota-log
-- include messages/interrupted-batch

local half = KEYS[2] and redis.call('GET', KEYS[2])
if half then interrupted_heal(KEYS[2], half, redis.call('GET', KEYS[3])) end
local quota_log = quota_open(KEYS[1], store_time(ARGV[1]))
local count = tonumber(ARGV[3])
local wait = quota_wait(quota_log, tonumber(ARGV[2]) - count + 1)
if wait == 0 then
  for _ = 1, count do quota_charge(quota_log) end
  quota_close(quota_log)
end
return { wait, quota_view(quota_log) }
