-- Records that a user has opened a conversation: `markOpened` of MemberStore (src/core/ports/members.ts).
--
-- KEYS  1: members
-- ARGV  1: user

local value = redis.call('HGET', KEYS[1], ARGV[1])
local opened = value and string.match(value, '^(.*) u$')
if opened then redis.call('HSET', KEYS[1], ARGV[1], opened) end
