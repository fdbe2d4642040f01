-- Reads the kept messages that were changed after `after`, in the order of their newest change, as they are now.
--
-- KEYS  1: meta   2: log   3: changes   4: revs
-- ARGV  1: after   2: first and 3: last seq   4: the most messages   5: the most bytes of their records   6: a user, or ''
-- Reply 1: "rev time" of the newest change or ''   2: newest seq   3: epoch of the conversation or ''   4: 1 if there are more
--       5: of each message: rev, time of that change, own reactions as JSON or '', line "seq at record"

local KEEP_MESSAGES, KEEP_DAYS, CLOCK, TOUCH, EPOCH, FRESH, WATCHED = 0, 0, 0, false, '', '', 0

-- include messages/senders
-- include feed/entries
-- include messages/conversation

local AT_ONCE = 200

local meta, log, user = KEYS[1], KEYS[2], ARGV[6]
local rev, seq, life, removals = unpack(call('HMGET', meta, 'rev', 'seq', 'epoch', 'removals'))
local epoch = life and life .. '.' .. (removals or '0') or ''
if not rev then return { '', tonumber(seq or 0), epoch, 0, {} } end
changes_load()
local changes, revs = KEYS[3], KEYS[4]
local first, last, count, budget = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local reply, n, size, more, from = {}, 0, 0, 0, 0
repeat
  local seqs = call('ZRANGEBYSCORE', revs, '(' .. ARGV[1], '+inf', 'LIMIT', from, AT_ONCE)
  from = from + #seqs
  for _, number in ipairs(seqs) do
    local changed = tonumber(number)
    local value = changed >= first and changed <= last and call('HGET', changes, number)
    local own_rev = value and string.match(value, '^[^\t]*\t,"rev":(%d+)')
    -- `revs` may name a change that was not made.
    local entry = own_rev and tonumber(own_rev) > tonumber(ARGV[1]) and call('XRANGE', log, number, number)[1]
    if entry then
      local record = changes_present(entry[2][6], value, number)
      size = size + #record
      if n == 4 * count or size > budget and n > 0 then
        more = 1
        break
      end
      local own = user ~= '' and string.find(value, ',"reactions":', 1, true) and call('HGET', changes, number .. ' ' .. user) or ''
      reply[n + 1], reply[n + 2], reply[n + 3] = own_rev, string.match(value, '^%d+'), own
      reply[n + 4] = number .. ' ' .. entry[2][4] .. ' ' .. record
      n = n + 4
    end
  end
until #seqs < AT_ONCE or more == 1
return { rev, tonumber(seq), epoch, more, reply }
