-- Reads what the inbox shows of conversations: `read` of Inboxes (src/core/ports/conversation/inbox.ts). Writes nothing.
--
-- KEYS  of each conversation: meta, log, marks, sent
--       last, not in Cluster: the epoch of the store
-- ARGV  1: '' or the time   2: the epoch of the store, in Cluster   3: 1 to read the newest messages
--       then of each conversation: the number of users, and the users
-- Reply 1: the time
--       2: of each conversation: seq, first seq that is kept, epoch, time of the newest message, time of the last other change,
--          the newest message as a line "seq at record" or '', then of each user: read, time of its mark

-- include connection/time

local call = redis.call

-- include changes/present

local NOW = store_time(ARGV[1])
local EPOCH = ARGV[2]
local NEWEST = ARGV[3] == '1'
local conversation_count = math.floor(#KEYS / 4)
if #KEYS > conversation_count * 4 then EPOCH = call('GET', KEYS[#KEYS]) or '' end

local reply, n, at = {}, 0, 4
for i = 1, conversation_count do
  local meta, log, marks, sent = KEYS[4 * i - 3], KEYS[4 * i - 2], KEYS[4 * i - 1], KEYS[4 * i]
  local m = call('HMGET', meta, 'seq', 'at', 'epoch', 'removals', 'by', 'changed', 'rev')
  local seq, by = tonumber(m[1] or 0), m[5]
  -- A log has no holes.
  local first = seq - call('XLEN', log) + 1
  local newest = ''
  if NEWEST and first <= seq then
    local entry = call('XREVRANGE', log, m[1], '-', 'COUNT', 1)[1]
    if entry then
      local value = m[7] and call('HGET', string.sub(meta, 1, -5) .. 'changes', m[1])
      if value and not changes_present then changes_load() end
      newest = m[1] .. ' ' .. entry[2][4] .. ' ' .. (value and changes_present(entry[2][6], value, m[1]) or entry[2][6])
    end
  end
  reply[n + 1], reply[n + 2], reply[n + 3] = seq, math.max(first, 1), (m[3] or EPOCH) .. '.' .. (m[4] or '0')
  reply[n + 4], reply[n + 5], reply[n + 6] = tonumber(m[2] or 0), tonumber(m[6] or 0), newest
  n = n + 6
  local users = tonumber(ARGV[at])
  if users > 0 then
    local names = {}
    for k = 1, users do names[k] = ARGV[at + k] end
    local marked, own = call('HMGET', marks, unpack(names)), call('HMGET', sent, unpack(names))
    for k = 1, users do
      local mark, time = string.match(marked[k] or '', '^(%d+) ?(%d*)$')
      local read = math.max(tonumber(mark or 0), tonumber(own[k] or 0))
      if names[k] == by then read = math.max(read, seq) end
      reply[n + 1], reply[n + 2] = read, tonumber(time) or 0
      n = n + 2
    end
  end
  at = at + 1 + users
end
return { NOW, reply }
