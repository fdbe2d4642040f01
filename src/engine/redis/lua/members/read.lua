-- Returns a conversation with the standings of some users: `read` of MemberStore (src/core/ports/members.ts).
--
-- KEYS  1: meta   2: log   3: members   4: muted   5: banned   6: gone   7: the epoch of the store (not in Cluster)
-- ARGV  1: '' or the time   2: the epoch of the store, if it is not a key   then the users
-- Reply exists (1 or 0), facts or '', epoch, seq, the time of the newest message that is kept or '', the numbers of members and
--       owners, revision, time; then of each user its values in members, muted, banned and gone, or ''

-- include connection/time
-- include members/encoding

local call = redis.call
local clock = store_time(ARGV[1])
local epoch = KEYS[7] and call('GET', KEYS[7]) or ARGV[2]
local m = call('HMGET', KEYS[1], 'seq', 'epoch', 'removals', 'removed_seq', 'facts', 'revision', 'owners', 'changing')
local newest = call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)[1]
-- A script may have ended before it wrote the head (messages/conversation.lua).
local seq = math.max(tonumber(m[1] or 0), newest and tonumber(string.match(newest[1], '^%d+')) or 0)
local exists = m[5] or seq > tonumber(m[4] or 0)
local reply = {
  exists and 1 or 0, m[5] or '', (m[2] or epoch) .. '.' .. (m[3] or 0), seq, newest and newest[2][4] or '',
  call('HLEN', KEYS[3]), member_owners(KEYS[1], m[7], m[8]), tonumber(m[6] or 0), clock,
}
-- Lua passes at most some 8,000 arguments to a command.
for first = 3, #ARGV, 1000 do
  local last, values, n = math.min(first + 999, #ARGV), {}, #reply
  for i = 1, 4 do values[i] = call('HMGET', KEYS[i + 2], unpack(ARGV, first, last)) end
  for user = 0, last - first do
    for i = 1, 4 do reply[n + 4 * user + i] = values[i][user + 1] or '' end
  end
end
return reply
