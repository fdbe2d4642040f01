-- Included by the scripts that read or write members; src/engine/redis/members/encoding.ts reads and writes the same values.
--
--   members  user → "<index of the role in ROLES> <since> <seq> <changedAt>", and " u" if the user has not opened the conversation.
--            seq: the newest when the user became a member; changedAt: when the role was last given
--   names    the users of `members`, in the order of their names. May have more of them: it is written before and removed after
--   gone     user → "<time>" when a member left, and " l" if it left on its own; "0 l" if only that is known
--   muted, banned  user → "<until or nothing> <the sanction as JSON>"
local OWNER = '2'

-- The other keys of the conversation that has the key `meta`.
local function member_key(meta, what)
  return string.sub(meta, 1, -5) .. what
end

-- The name of the conversation that has the key `meta`, and the news of its bucket.
local function member_conversation(meta)
  local bucket, name = string.match(meta, '^(.*}:)c:(.*):meta$')
  return name, bucket .. 'news'
end

local function member_value(role, since, seq, changed, unopened)
  return role .. ' ' .. since .. ' ' .. seq .. ' ' .. changed .. (unopened and ' u' or '')
end

-- Adds an entry to the news of a bucket (members/news-streams.ts). Entries of a day are kept, and not all of a busy day.
local function member_news(stream, ...)
  redis.call('XADD', stream, 'MAXLEN', '~', 1000, '*', ...)
  redis.call('PEXPIRE', stream, 86400000)
end

-- The number of owners. `m` are the fields `owners` and `changing` of the head.
local function member_owners(meta, owners, changing)
  if not changing then return tonumber(owners or 0) end
  -- A script has ended in the middle of a change (change.lua), so the number may be wrong.
  local count = 0
  for _, value in ipairs(redis.call('HVALS', member_key(meta, 'members'))) do
    if string.sub(value, 1, 1) == OWNER then count = count + 1 end
  end
  return count
end
