-- Cluster, last step of three (reserve, append, settle): keeps or takes back what was charged.
--
-- A charge is kept when the message was stored under its token. A message under another token was paid for before, and
-- what this repeat was charged is taken back. Until this was done, a repeat finds the reservation, and comes here again.
--
-- A charge is taken back and then its reservation erased; an end between the two would have it taken back twice, so that
-- erasing is allowed is found out first.
--
-- KEYS  1: quota   2: reserved, a hash: name → time and token
-- ARGV  1: '' or the time
--       then of each request: s name token, the message of this name is stored under this token
--                             c time '', the request of this time was not carried out
-- Reply of each request: how many are charged now; after how long there is none any more

-- include time
-- include ring

local ring = ring_open(KEYS[1], store_time(ARGV[1]))
local reply = {}
redis.call('HDEL', KEYS[2], '')
for at = 2, #ARGV, 3 do
  if ARGV[at] == 'c' then
    ring_refund(ring, ARGV[at + 1])
  else
    local found = redis.call('HGET', KEYS[2], ARGV[at + 1])
    if found then
      -- "time token old" while a charge moves (reserve.lua): it is at one of the two, or at both.
      local time, token, old = string.match(found, '^(%d+) (%S+) ?(%d*)$')
      if old ~= '' and ring_has(ring, time, 0) then ring_refund(ring, old) end
      if token ~= ARGV[at + 2] and not ring_refund(ring, time) and old ~= '' then ring_refund(ring, old) end
      redis.call('HDEL', KEYS[2], ARGV[at + 1])
    end
  end
  reply[#reply + 1], reply[#reply + 2] = ring_view(ring)
end
return reply
