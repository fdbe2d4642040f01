-- Reads which conversations have changed lately, and has the scripts that change them go on to record it: `watch` of Inboxes
-- (src/core/ports/conversation/inbox.ts).
--
-- KEYS  1: the key that says that a node watches   then the activity of each bucket
-- ARGV  1: '' or the time   2: how long the scripts go on, in milliseconds   3: the time of the last call, or ''
-- Reply 1: the time   2: conversations, "conversation user" for what concerns only one user

-- include connection/time

local NOW = store_time(ARGV[1])
local FORGET_AFTER = 60000
-- Of changes within half a second only the first is recorded (conversation.lua), so it counts until that is over.
local SPAN = 500

-- Its value is the time since when all changes are recorded.
if not redis.call('SET', KEYS[1], string.format('%d', NOW), 'NX', 'PX', ARGV[2]) then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
local changed = {}
if ARGV[3] ~= '' then
  local since = tonumber(ARGV[3]) - SPAN
  for i = 2, #KEYS do
    local found = redis.call('ZRANGE', KEYS[i], string.format('%d', since), '+inf', 'BYSCORE')
    for k = 1, #found do changed[#changed + 1] = found[k] end
    redis.call('ZREMRANGEBYSCORE', KEYS[i], '-inf', string.format('%d', NOW - FORGET_AFTER))
  end
end
return { NOW, changed }
