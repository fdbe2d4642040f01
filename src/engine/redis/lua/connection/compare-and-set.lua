-- Puts a text in the place of what was there, if that is still there: `replace` of RefreshStore (core/access/refresh-rotation.ts), and
-- every step of a throttle (core/access/sign-in-throttle.ts), which are decided on what was read before.
--
-- KEYS[1]  the text
-- ARGV[1]  before   as it must be; '' when there must be none
-- ARGV[2]  after    as it is to be; '' removes it
-- ARGV[3]  life of `after`, milliseconds
--
-- Reply 1, or 0 when something else was there

if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then
  return 0
end
if ARGV[2] == '' then
  redis.call('DEL', KEYS[1])
else
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
return 1
