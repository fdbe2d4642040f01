-- Writes that a user has used up its quota, unless that was written within the window of the quota: `beginsExhaustion` of
-- src/core/feed/quota-exhausted.ts.
--
-- KEYS  1: when it was written last   2: the events
-- ARGV  1: '' or the time   2: the window of the quota, in milliseconds   3: the event as JSON

-- include connection/time
-- include feed/entries

local now = store_time(ARGV[1])
local last = tonumber(redis.call('GET', KEYS[1]) or '')
if last and now < last + tonumber(ARGV[2]) then return end
local time = string.format('%d', now)
redis.call('SET', KEYS[1], time, 'PX', ARGV[2])
feed_add(KEYS[2], 'e ' .. time .. ' ' .. ARGV[3])
