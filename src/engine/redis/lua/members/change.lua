-- Changes the facts and the standings of users in a conversation, if no other change was made since the revision: `change` of
-- MemberStore (src/core/ports/members.ts). The core has decided it; this script writes it as `changeStanding` of
-- src/core/members/records.ts describes.
--
-- A script may end after any of its writes. They are made in this order, so that each prefix is a state from which the same request
-- can be decided again:
--
--   revision, `changing` ──▶ news, events ──▶ mutes, bans ──▶ roles ──▶ removed members ──▶ what is lifted ──▶ facts, number of owners
--
-- News without their change are harmless, because a node reads again what they concern. An event without its change is followed by
-- one with it when the request is repeated. A conversation keeps an owner, because roles
-- are given before others are taken. While `changing` is set, the owners are counted.
--
-- KEYS  1: meta   2: members   3: names   4: muted   5: banned   6: gone   7: the news of the bucket
--       8: the events   9: sent   10: the epoch of the store (not in Cluster)
-- ARGV  1: '' or the time   2: revision   3: the epoch of the store, if it is not a key   4: facts, or '' if they stay
--       5: the guard of the facts: f, and m if only members may speak   6: the news, or '' if there are none
--       7: its events as JSON, or ''   8: its events if there is no such conversation, or ''
--       then of each user: user; role, unopened, left, muted, banned: '' if it stays, '-' to remove it, else the value
-- Reply the time of the change, or 0 if another change was made

-- include connection/time
-- include members/encoding
-- include feed/entries

local call = redis.call
local meta = KEYS[1]
local m = call('HMGET', meta, 'seq', 'epoch', 'revision', 'owners', 'changing', 'guard', 'removed_seq', 'facts')
if tonumber(m[3] or 0) ~= tonumber(ARGV[2]) then return 0 end
local time = string.format('%d', store_time(ARGV[1]))
local owners = member_owners(meta, m[4], m[5])
local guard = m[6] or ''

-- Values to write, and fields to delete, by the index of their key.
local writes, deletes = { {}, {}, {}, {}, {}, {} }, { {}, {}, {}, {}, {}, {} }
local function put(key, field, value)
  local list = writes[key]
  list[#list + 1], list[#list + 2] = field, value
end
local function drop(key, field)
  local list = deletes[key]
  list[#list + 1] = field
end

local function set_role(user, role, unopened, left)
  local before = call('HGET', KEYS[2], user)
  local was, since, seq, changed, is_unopened = string.match(before or '', '^(%d) (%d+) (%d+) (%d+) ?(u?)')
  local becomes = was
  if role == '-' then becomes = nil elseif role ~= '' then becomes = role end
  if becomes then
    if unopened ~= '' then is_unopened = unopened == '+' and 'u' or '' end
    if becomes ~= was then changed = time end
    put(2, user, member_value(becomes, since or time, seq or m[1] or '0', changed, is_unopened == 'u'))
  end
  if becomes and not was then
    call('ZADD', KEYS[3], 0, user)
    -- A new member begins with nothing unread (IN1).
    call('HSET', KEYS[9], user, m[1] or '0')
  end
  if role == '-' then drop(2, user) end
  if becomes == OWNER then owners = owners + 1 end
  if was == OWNER then owners = owners - 1 end
  local at, has_left = string.match(call('HGET', KEYS[6], user) or '', '^(%d+) ?(l?)')
  if left ~= '' then has_left = left == '+' and 'l' or '' end
  if becomes then at = '0' elseif was then at = time end
  if has_left == 'l' then
    put(6, user, (at or '0') .. ' l')
  elseif at and at ~= '0' then
    put(6, user, at)
  else
    drop(6, user)
  end
end

for i = 9, #ARGV, 6 do
  local user = ARGV[i]
  set_role(user, ARGV[i + 1], ARGV[i + 2], ARGV[i + 3])
  for key = 4, 5 do
    local value = ARGV[i + key]
    if value == '-' then drop(key, user) elseif value ~= '' then put(key, user, value) end
  end
end
if (#writes[4] > 0 or #writes[5] > 0) and not string.find(guard, 's', 1, true) then guard = guard .. 's' end

local head = { 'revision', string.format('%d', ARGV[2] + 1), 'changing', 1, 'changed', time }
if guard ~= '' then head[7], head[8] = 'guard', guard end
call('HSET', meta, unpack(head))
if ARGV[6] ~= '' then member_news(KEYS[7], 'conversation', (member_conversation(meta)), 'news', ARGV[6]) end
local exists = m[8] or m[1] and m[1] ~= m[7]
local events = ARGV[4] ~= '' and not exists and ARGV[8] or ARGV[7]
if events ~= '' then feed_add(KEYS[8], 'e ' .. time .. ' ' .. events) end
for _, key in ipairs({ 4, 5, 2, 6 }) do
  if #writes[key] > 0 then call('HSET', KEYS[key], unpack(writes[key])) end
end
for _, key in ipairs({ 2, 4, 5, 6 }) do
  if #deletes[key] > 0 then call('HDEL', KEYS[key], unpack(deletes[key])) end
end
if #deletes[2] > 0 then call('ZREM', KEYS[3], unpack(deletes[2])) end
-- While no user is muted or banned, messages look up no sanctions.
local sanctions = call('EXISTS', KEYS[4], KEYS[5]) > 0 and 's' or ''
guard = (ARGV[4] ~= '' and ARGV[5] or string.gsub(guard, 's', '')) .. sanctions
local facts = { 'owners', owners, 'guard', guard }
if ARGV[4] ~= '' then
  facts[5], facts[6] = 'facts', ARGV[4]
  -- A conversation has its own copy of the epoch from its first message on, or from its facts.
  local epoch = m[2] or KEYS[10] and call('GET', KEYS[10]) or ARGV[3]
  if epoch ~= '' then facts[7], facts[8] = 'epoch', epoch end
end
call('HSET', meta, unpack(facts))
call('HDEL', meta, 'changing')
if guard == '' then call('HDEL', meta, 'guard') end
return tonumber(time)
