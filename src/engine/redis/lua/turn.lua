-- Everything that one turn of a node's event loop brought, at once and in its order (standalone Redis and Sentinel).
-- Carries out `decidePost` of src/core/posting.ts, `SlidingLog` of src/core/quota.ts, `historyRange` of
-- src/core/history.ts and `oldestKept` of src/core/retention.ts.
--
-- KEYS  1: the epoch of the store   2: what a turn does that is not done (half.lua)
--       then of each conversation: meta, log, ids, channel
--       then of each user who is charged: quota
--       then of each read mark: the marks of its conversation
-- ARGV  1: '' or the time   2: a random text   3: messages and 4: days to keep   5: 1 to write repeats too
--       6: HISTORY_BUDGET   7: how many conversations   8: how many users
--       then of each conversation: newest seq known, its time or 0, epoch known, own subscriptions to its channel
--       then the operations; conversations and users are named by their place, user 0 is unmetered:
--         p conversation user limit name body epoch      a message; epoch: in which the sender is there, or ''
--         h conversation user limit before after count   history; before and after may be ''
--         m conversation key user seq epoch              a read mark; key: its place among the keys of marks
-- Reply 1: the epoch of the store
--       2: of each conversation its epoch, '' where it is the one known
--       3: what the operations have to say, one after the other:
--         p  1 seq at used reset (stored), 2 seq at used reset (a repeat), 0 wait 0 used reset (refused), 3 0 0 used
--            reset (the conversation was removed since)
--         h  1 list more used reset, 0 wait 0 used reset (refused)
--         m  seq, or 0 when it did not move

-- include time

local CLOCK = store_time(ARGV[1])
local FRESH = ARGV[2]
local KEEP_MESSAGES, KEEP_DAYS = ARGV[3], ARGV[4]
local TOUCH = ARGV[5] == '1'
local BUDGET = tonumber(ARGV[6])
local EPOCH, half = unpack(redis.call('MGET', KEYS[1], KEYS[2]))
if not EPOCH then
  EPOCH = FRESH
  redis.call('SET', KEYS[1], EPOCH)
end

-- include ring
-- include half
-- include room

if half then half_heal(KEYS[2], half, EPOCH) end

local conversations, users = tonumber(ARGV[7]), tonumber(ARGV[8])
local usersFrom = 2 + conversations * 4
local marksFrom = usersFrom + users
local at = 9

local rooms, epochs = {}, {}
for i = 1, conversations do
  local key = 4 * i - 1
  local expected = ARGV[at + 2]
  local room = room_open(KEYS[key], KEYS[key + 1], tonumber(ARGV[at]), tonumber(ARGV[at + 1]), expected)
  room.ids = KEYS[key + 2]
  room_announce(room, KEYS[key + 3], tonumber(ARGV[at + 3]), 'PUBLISH', 'NUMSUB')
  epochs[i] = room.epoch == expected and '' or room.epoch
  rooms[i] = room
  at = at + 4
end

local rings = {}
for i = 1, users do rings[i] = ring_open(KEYS[usersFrom + i], CLOCK) end

local reply, n = {}, 0
local function say(a, b, c, ring)
  local used, reset = 0, 0
  if ring then used, reset = ring_view(ring) end
  reply[n + 1], reply[n + 2], reply[n + 3], reply[n + 4], reply[n + 5] = a, b, c, used, reset
  n = n + 5
end

-- History is read after what came before it was written.
local histories = {}
while ARGV[at] do
  local kind, room = ARGV[at], rooms[tonumber(ARGV[at + 1])]
  if kind == 'p' then
    local user, name = tonumber(ARGV[at + 2]), ARGV[at + 4]
    local ring = rings[user]
    local wait = ring and ring_wait(ring, tonumber(ARGV[at + 3])) or 0
    if room_is_removed(room, ARGV[at + 6]) then
      say(3, 0, 0, ring)
    elseif wait > 0 then
      local seq, time = room_find(room, room.ids, name)
      if seq then say(2, seq, time, ring) else say(0, wait, 0, ring) end
    else
      local stored, seq, time = room_store(room, room.ids, name, ARGV[at + 5], nil, user)
      if stored and ring then ring_charge(ring) end
      say(stored and 1 or 2, seq, time, ring)
    end
    at = at + 7
  elseif kind == 'h' then
    local ring = rings[tonumber(ARGV[at + 2])]
    local wait = ring and ring_wait(ring, tonumber(ARGV[at + 3])) or 0
    if wait > 0 then
      say(0, wait, 0, ring)
    else
      if ring then ring_charge(ring) end
      histories[#histories + 1] = { n, room, room.seq, ARGV[at + 4], ARGV[at + 5], ARGV[at + 6] }
      say(1, '', 0, ring)
    end
    at = at + 7
  else
    local marks, seq = KEYS[marksFrom + tonumber(ARGV[at + 2])], tonumber(ARGV[at + 4])
    n = n + 1
    local moved = not room_is_removed(room, ARGV[at + 5]) and room_mark(room, marks, ARGV[at + 3], seq)
    reply[n] = moved and seq or 0
    at = at + 6
  end
end

-- All is decided. From here on it may end after any write (half.lua, room.lua).
local begun = half_begin(KEYS[2], rings, rooms)
for i = 1, users do ring_close(rings[i]) end
for i = 1, conversations do room_write(rooms[i]) end
for i = 1, conversations do room_settle(rooms[i]) end
for _, each in ipairs(histories) do
  local place, room, newest, before, after, count = unpack(each)
  local list, more = room_history(room, newest, tonumber(before), tonumber(after), tonumber(count), BUDGET)
  reply[place + 2], reply[place + 3] = list, more and 1 or 0
end
if begun then half_end(KEYS[2]) end
for i = 1, conversations do room_finish(rooms[i], rooms[i].ids) end
return { EPOCH, epochs, reply }
