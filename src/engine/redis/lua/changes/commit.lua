-- Stores changes that a node has decided about, unless the conversation is not as changes/read has found it any more.
--
-- A script can end early, and Redis does not undo its writes. So they are made in this order, and one command makes the changes:
--
--   what may have more than there is, revising ──▶ changes ──▶ events ──▶ rev of the head ──▶ what may have had more, expiry, announcement
--
-- All keys are named, so that none of them can be missing while its slot moves to another server.
--
-- KEYS  1: meta   2: log   3: ids   4: channel   5: the bucket's conversations with texts to remove   6: as the last one of messages/batch
--       7 to 11: changes, revs, change-ids, rounds, blank   12: the events   not in Cluster: 13: the epoch of the store
--       then the users of reactions
-- ARGV  1: '' or the time   2: the epoch of the store in Cluster, else ''   3: messages and 4: days to keep
--       5: the command that publishes and 6: the one that counts subscriptions, '' if it cannot   7: own subscriptions
--       8: epoch and 9: "rev time" or '', as they were read   10: the oldest of the changed messages   11: the new "rev time"
--       12: users and 13: names and 14: fields and 15: messages and 16: added and 17: removed users of reactions and 18: texts to remove and
--       19: new ids, the numbers of the following values   20: the events as JSON
--       then of each user: flags, user, standing; of each name: name, what had it (changes/request.lua); of the hash `changes`: field, value;
--       of each message: rev, seq; of users of reactions: part of the key, user, and of added ones rev; seqs whose text is removed; names
--       last: the announcement, without its first line
-- Reply 1 and the newest seq; 0 if it must be read again

-- include connection/time

local CLOCK = store_time(ARGV[1])
local FRESH = ''
local KEEP_MESSAGES, KEEP_DAYS, TOUCH = ARGV[3], ARGV[4], false
local EPOCH = ARGV[2]
if EPOCH == '' then EPOCH = redis.call('GET', KEYS[13]) or '' end
local watched = redis.call('GET', KEYS[6])
local WATCHED = watched and tonumber(watched)
local FEED = KEYS[12]

-- include messages/senders
-- include feed/entries
-- include messages/conversation
-- include members/speech
-- include changes/request

conversation_is_draft = function() return false end

-- Ids of changes are known for this long, in milliseconds, and at least so many of a conversation.
local KNOWN_MS = 86400000
local KNOWN_IDS = 1000
-- Ids that are forgotten for each new one, so that old ones become fewer.
local FORGET_AT_ONCE = 4
-- A node that was away learns from so many scripts that the store has lost changes.
local KNOWN_ROUNDS = 1000

local meta, log, ids = KEYS[1], KEYS[2], KEYS[3]
local conversation = conversation_open(meta, log, 0, 0, '')
if conversation.epoch ~= ARGV[8] or (conversation.rev or '') ~= ARGV[9] then return { 0 } end
if conversation_first(conversation, conversation.seq) > tonumber(ARGV[10]) then return { 0 } end

local at = 21
local function next_values(count)
  at = at + count
  return unpack(ARGV, at - count, at - 1)
end

for _ = 1, tonumber(ARGV[12]) do
  local flags, user, standing = next_values(3)
  if request_standing(conversation, flags, user) ~= standing then return { 0 } end
end
for _ = 1, tonumber(ARGV[13]) do
  local name, had = next_values(2)
  if request_name(conversation, ids, name) ~= had then return { 0 } end
end
if not changes_present then changes_load() end

local changes, change_ids, rounds = KEYS[7], KEYS[9], KEYS[10]
local fields, emptied = {}, {}
for i = 1, tonumber(ARGV[14]) do
  fields[2 * i - 1], fields[2 * i] = next_values(2)
  if fields[2 * i] == '' then emptied[#emptied + 1] = fields[2 * i - 1] end
end
local revs = { next_values(2 * tonumber(ARGV[15])) }
local touched = {}
for _ = 1, tonumber(ARGV[16]) do
  local part, user, rev = next_values(3)
  touched[part] = true
  call('ZADD', changes_key(meta, part), rev, user)
end
local removed = {}
for i = 1, tonumber(ARGV[17]) do removed[i] = { next_values(2) } end
local blanked = { next_values(tonumber(ARGV[18])) }
local names = { next_values(tonumber(ARGV[19])) }
local announcement = ARGV[at]

if #blanked > 0 then
  call('SADD', KEYS[11], unpack(blanked))
  call('SADD', KEYS[5], (string.match(meta, '^.*}:c:(.*):meta$')))
end
call('ZADD', KEYS[8], unpack(revs))
local rev = string.match(ARGV[11], '^%d+')
-- Of scripts that have ended before they made their changes.
if conversation.rev then call('ZREMRANGEBYSCORE', rounds, '(' .. string.match(conversation.rev, '^%d+'), '+inf') end
call('ZADD', rounds, rev, ARGV[11])
for _, name in ipairs(names) do
  call('HSET', ids, name, 'c')
  call('ZADD', change_ids, rev, name)
end
call('HSET', meta, 'revising', 1)
local events = 'd ' .. CLOCK_TEXT .. ' ' .. string.match(meta, '^.*}:c:(.*):meta$') .. ':' .. conversation.epoch .. ':' .. rev .. ' ' .. ARGV[20]
call('HSET', changes, 'rev', ARGV[11], 'events', events, unpack(fields))
feed_add(FEED, events)
call('HSET', meta, 'rev', ARGV[11])
call('HDEL', meta, 'revising')

call('ZREMRANGEBYRANK', rounds, 0, -KNOWN_ROUNDS - 1)
for _, seq in ipairs(blanked) do
  if tonumber(seq) == conversation.seq then conversation_change(meta) end
end
if #emptied > 0 then call('HDEL', changes, unpack(emptied)) end
for _, each in ipairs(removed) do call('ZREM', changes_key(meta, each[1]), each[2]) end
local surplus = #names > 0 and call('ZCARD', change_ids) - KNOWN_IDS or 0
if surplus > 0 then
  for _, name in ipairs(call('ZRANGE', change_ids, 0, math.min(surplus, FORGET_AT_ONCE * #names) - 1)) do
    local found = call('HGET', changes, '#' .. name)
    if found and tonumber(string.match(found, '%d+$')) > CLOCK - KNOWN_MS then break end
    if call('HGET', ids, name) == 'c' then call('HDEL', ids, name) end
    call('HDEL', changes, '#' .. name)
    call('ZREM', change_ids, name)
  end
end
changes_expire(meta, conversation.days)
for part in pairs(touched) do
  if conversation.days > 0 then
    call('PEXPIRE', changes_key(meta, part), conversation.days * DAY + 2 * MINUTE)
  else
    call('PERSIST', changes_key(meta, part))
  end
end
if ARGV[6] == '' or call('PUBSUB', ARGV[6], KEYS[4])[2] > tonumber(ARGV[7]) then
  call(ARGV[5], KEYS[4], 'C' .. conversation.epoch .. ' ' .. string.format('%d', conversation.seq) .. '\n' .. announcement)
end
return { 1, conversation.seq }
