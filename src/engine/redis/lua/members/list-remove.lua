-- Removes a conversation from the list of a user, after the membership has ended, unless the entry is another one than was read
-- before: then the user is being added again. Remembers for LIST_MEMORY_MS (src/core/ports/conversation/members.ts) when the
-- conversation left the list.
--
-- KEYS  1: conversations   2: former
-- ARGV  of each conversation: its name; the entry, or '' to forget when it left the list; the time when it left in milliseconds, or ''
--       to remember nothing

for i = 1, #ARGV, 3 do
  local name, entry, time = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  if entry == '' then
    if redis.call('HGET', KEYS[2], name) == time then redis.call('HDEL', KEYS[2], name) end
  elseif redis.call('HGET', KEYS[1], name) == entry then
    if time ~= '' then
      redis.call('HSET', KEYS[2], name, time)
      redis.call('PEXPIRE', KEYS[2], 2592000000)
    end
    redis.call('HDEL', KEYS[1], name)
  end
end
