-- Replaces a text if it is still the one that was read before. Used by `replace` of RefreshTokenStore (core/ports/refresh-tokens.ts)
-- and by the steps of a throttle (core/access/sign-in-throttle.ts).
--
-- KEYS[1]  the text
-- ARGV[1]  before   the expected text; '' for none
-- ARGV[2]  after    the new text; '' deletes the key
-- ARGV[3]  expiry of `after`, milliseconds
--
-- Reply 1, or 0 if the text was not the expected one

if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then
  return 0
end
if ARGV[2] == '' then
  redis.call('DEL', KEYS[1])
else
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
return 1
