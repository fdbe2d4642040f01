-- Returns whether a user belongs to conversations of its list: a list may have more conversations than confirm it.
--
-- KEYS  of each conversation: meta, members, gone
-- ARGV  1: user
-- Reply of each: the user's values in members and gone, and when the conversation was last removed; '' for what is missing

local reply = {}
for i = 1, #KEYS, 3 do
  local member, gone, removed = redis.call('HGET', KEYS[i + 1], ARGV[1]), false, false
  if not member then
    gone = redis.call('HGET', KEYS[i + 2], ARGV[1])
    removed = redis.call('HGET', KEYS[i], 'removed_at')
  end
  reply[i], reply[i + 1], reply[i + 2] = member or '', gone or '', removed or ''
end
return reply
