-- Finds the end of a stream of events.
--
-- KEYS  1: the events   2: the floor (feed/read.lua)
-- ARGV  1: '' or the time
-- Reply the time; the id of the newest entry, also if that was removed, or ''

-- include connection/time

local newest = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
local id = newest and newest[1] or string.match(redis.call('GET', KEYS[2]) or '', '^%S*')
return { store_time(ARGV[1]), id }
