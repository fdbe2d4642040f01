-- Returns conversations as one user sees them: `readForUser` of MemberStore (src/core/ports/conversation/members.ts).
--
-- KEYS  of each conversation: meta, members, muted, banned, gone
-- ARGV  1: '' or the time   2: the user
-- Reply the time; then of each conversation its facts or '', and the user's values in members, muted, banned and gone, or ''

-- include connection/time

local call = redis.call
local reply = { store_time(ARGV[1]) }
for i = 0, #KEYS / 5 - 1 do
  reply[5 * i + 2] = call('HGET', KEYS[5 * i + 1], 'facts') or ''
  for k = 2, 5 do reply[5 * i + k + 1] = call('HGET', KEYS[5 * i + k], ARGV[2]) or '' end
end
return reply
