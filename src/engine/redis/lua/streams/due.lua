-- Finds streams that may have to end by themselves, by the time of this slot.
--
-- KEYS  the leases of buckets
-- ARGV  1: '' or the time   2: the most streams of a bucket
-- Reply "<conversation> <handle>" of each

-- include connection/time

local now = string.format('%d', store_time(ARGV[1]))
local due = {}
for _, key in ipairs(KEYS) do
  for _, member in ipairs(redis.call('ZRANGE', key, '-inf', now, 'BYSCORE', 'LIMIT', 0, ARGV[2])) do due[#due + 1] = member end
end
return due
