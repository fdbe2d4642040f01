-- Lets types of events count as read until a time: `want` of Feed (src/core/ports/feed/feed.ts).
--
-- KEYS  1: a hash: type → until, in milliseconds since 1970   2: the control stream
-- ARGV  1: until   2 and 3: as in connection/control-append.lua   then the types

-- include connection/control-append

for i = 4, #ARGV do
  local before = tonumber(redis.call('HGET', KEYS[1], ARGV[i]) or 0)
  if before < tonumber(ARGV[1]) then
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[1])
    control_append(KEYS[2], ARGV[2], ARGV[3], 'eventType', ARGV[i])
  end
end
