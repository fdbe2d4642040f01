-- Replaces a value of a hash, unless it was changed since it was read.
--
-- KEYS  1: the hash
-- ARGV  1: field   2: the value that was read   3: the new value; '' removes it
-- Reply 1, or 0 if it was changed

if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
if ARGV[3] == '' then
  redis.call('HDEL', KEYS[1], ARGV[1])
else
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
end
return 1
