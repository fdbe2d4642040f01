-- Returns the quota of a user without a charge: `SlidingWindowLog.view` of src/core/conversation/quota.ts.
--
-- KEYS  1: quota; not in Cluster: 2: the plan of an unfinished batch (interrupted-batch.lua)   3: the epoch of the store
-- ARGV  1: '' or the time   2: the limit
-- Reply the number of requests that were accepted in the last hour; the milliseconds until none of them is in the last hour; the
--       milliseconds until one more request is within the limit

-- include connection/time
-- include messages/quota-log
-- include messages/interrupted-batch

local half = KEYS[2] and redis.call('GET', KEYS[2])
if half then interrupted_heal(KEYS[2], half, redis.call('GET', KEYS[3])) end
local quota_log = quota_open(KEYS[1], store_time(ARGV[1]))
local used, reset = quota_view(quota_log)
return { used, reset, quota_wait(quota_log, tonumber(ARGV[2])) }
