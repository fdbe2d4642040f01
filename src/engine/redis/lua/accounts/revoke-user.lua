-- Revokes the tokens that were issued to a user before a moment. An earlier moment does not undo a later one:
-- `revokeUser` of RevocationStore (core/ports/revocations.ts).
--
-- KEYS[1]  the user's revocation: milliseconds since 1970
-- ARGV[1]  before
--
-- Reply the moment that applies now

local before = math.max(tonumber(ARGV[1]), tonumber(redis.call('GET', KEYS[1]) or 0))
local text = string.format('%.0f', before)
redis.call('SET', KEYS[1], text)
return text
