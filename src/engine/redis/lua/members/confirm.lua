-- Returns whether a user belongs to conversations of its list: a list may have more conversations than confirm it.
--
-- KEYS  of each conversation: members, gone, meta
-- ARGV  1: user
-- Reply of each: the user's value in members; without one "- <when it left, or 0> <when the conversation was last removed, or 0>"

local reply = {}
for i = 1, #KEYS, 3 do
  local value = redis.call('HGET', KEYS[i], ARGV[1])
  if not value then
    local gone = redis.call('HGET', KEYS[i + 1], ARGV[1]) or '0'
    value = '- ' .. string.match(gone, '^%d+') .. ' ' .. (redis.call('HGET', KEYS[i + 2], 'removed_at') or '0')
  end
  reply[#reply + 1] = value
end
return reply
