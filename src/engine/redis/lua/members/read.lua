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
if #ARGV > 2 then
  local users = { unpack(ARGV, 3) }
  local values = {}
  for i = 3, 6 do values[i - 2] = call('HMGET', KEYS[i], unpack(users)) end
  for user = 1, #users do
    for i = 1, 4 do reply[#reply + 1] = values[i][user] or '' end
  end
end
return reply
