-- Reads what the decision about changes of messages of one conversation needs to know (src/core/changes/decide-change.ts).
--
-- If a script has stored changes and ended before it had written the head, updates the head.
--
-- KEYS  1: meta   2: log   3: ids   4: changes   5: the events   not in Cluster: 6: the epoch of the store   then the users of the reactions
-- ARGV  1: '' or the time   2: a random text   3: the epoch of the store in Cluster, else ''
--       4: newest seq known   5: its time or 0   6: epoch known, as in conversation_open
--       7: messages and 8: users and 9: reactions and 10: own reactions and 11: names, the numbers of the following values
--       then of each message: seq; of each user: flags (members/speech.lua), user; of each reaction: seq, digest, how many users to read;
--       of the own reactions to a message: seq, user; and names of ids
-- Reply 1: the time   2: as in messages/batch   3: epoch   4: seq   5: "rev time" or ''
--       6: of each message: time, record, value (changes/present.lua); '' for those that are not kept, and if it was never changed
--       7: of each user: as request_standing   8: of each reaction: lines "user\treactions of the user", the newest first
--       9: own reactions as JSON or ''   10: of each name: as request_name

-- include connection/time

local CLOCK = store_time(ARGV[1])
local FRESH = ARGV[2]
local KEEP_MESSAGES, KEEP_DAYS, TOUCH, WATCHED = 0, 0, false, 0
local FEED = KEYS[5]
local EPOCH = ARGV[3]
if EPOCH == '' then EPOCH = redis.call('GET', KEYS[6]) or '' end

-- include messages/senders
-- include feed/entries
-- include messages/conversation
-- include members/speech
-- include changes/request

conversation_is_draft = function() return false end

local meta, log, ids = KEYS[1], KEYS[2], KEYS[3]
local changes = KEYS[4]
if call('HEXISTS', meta, 'revising') == 1 then
  changes_load()
  changes_heal(meta)
end
local conversation = conversation_open(meta, log, tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6])

local at = 12
local function next_values(count)
  at = at + count
  return unpack(ARGV, at - count, at - 1)
end

local messages = {}
for _ = 1, tonumber(ARGV[7]) do
  local seq = next_values(1)
  local entry = tonumber(seq) <= conversation.seq and call('XRANGE', log, seq, seq)[1]
  local n = #messages
  messages[n + 1], messages[n + 2] = entry and entry[2][4] or '', entry and entry[2][6] or ''
  messages[n + 3] = entry and conversation.rev and call('HGET', changes, seq) or ''
end
local standings = {}
for i = 1, tonumber(ARGV[8]) do
  local flags, user = next_values(2)
  standings[i] = request_standing(conversation, flags, user)
end
local reactions = {}
for i = 1, tonumber(ARGV[9]) do
  local seq, digest, count = next_values(3)
  local lines = {}
  if conversation.rev then
    for _, user in ipairs(call('ZREVRANGE', changes_key(meta, 'by:' .. seq .. ':' .. digest), 0, count - 1)) do
      lines[#lines + 1] = user .. '\t' .. (call('HGET', changes, seq .. ' ' .. user) or '')
    end
  end
  reactions[i] = table.concat(lines, '\n')
end
local own = {}
for i = 1, tonumber(ARGV[10]) do
  local seq, user = next_values(2)
  own[i] = conversation.rev and call('HGET', changes, seq .. ' ' .. user) or ''
end
local names = {}
for i = 1, tonumber(ARGV[11]) do names[i] = request_name(conversation, ids, next_values(1)) end
return {
  CLOCK_TEXT,
  conversation.news,
  conversation.epoch,
  conversation.seq,
  conversation.rev or '',
  messages,
  standings,
  reactions,
  own,
  names,
}
