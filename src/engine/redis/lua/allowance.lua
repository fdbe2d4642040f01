-- What a user has left, without charging: `SlidingLog.view` of src/core/quota.ts.
--
-- KEYS  1: quota
-- ARGV  1: '' or the time
-- Reply how many were accepted in the last hour, and after how many milliseconds none of them is in it any more

-- include time
-- include ring

return { ring_view(ring_open(KEYS[1], store_time(ARGV[1]))) }
