-- Cluster, last step of three (reserve, append, settle): keeps or refunds the charges of the users of one bucket.
--
-- A charge is kept if the message was stored under its token. If the message has another token, an earlier request has paid for
-- it, and the charge of this repeat is refunded. Until this step is done, a further repeat finds the reservation and gets here again.
--
-- A charge is refunded before its reservation is erased. If the script ended between the two, the charge would be refunded twice.
-- So the script first runs HDEL on an unused field, which fails if the user may not run HDEL.
--
-- KEYS  of each user: quota; reserved, a hash: name → time and token
-- ARGV  1: '' or the time
--       then of each user: the number of requests
--       then the requests, user by user:
--             s name token, the message of this name is stored under this token
--             c time '', the request of this time was not carried out
-- Reply of each request: the number of charges now; the milliseconds until there is none any more

-- include connection/time
-- include messages/quota-log

local clock = store_time(ARGV[1])
local quota_logs = {}
for i = 1, #KEYS / 2 do
  quota_logs[i] = quota_open(KEYS[2 * i - 1], clock)
  redis.call('HDEL', KEYS[2 * i], '')
end

local reply = {}
local at = 2 + #quota_logs
local function settle(quota_log, reserved, kind, name, stored_under)
  if kind == 'c' then
    quota_refund(quota_log, name)
    return
  end
  local found = redis.call('HGET', reserved, name)
  if not found then return end
  -- "time token old" while a charge is being moved from `old` to `time` (reserve.lua): it is at one of the two times, or at both.
  local time, token, old = string.match(found, '^(%d+) (%S+) ?(%d*)$')
  if old ~= '' and quota_has(quota_log, time, 0) then quota_refund(quota_log, old) end
  if token ~= stored_under and not quota_refund(quota_log, time) and old ~= '' then quota_refund(quota_log, old) end
  redis.call('HDEL', reserved, name)
end
for i, quota_log in ipairs(quota_logs) do
  for _ = 1, tonumber(ARGV[1 + i]) do
    settle(quota_log, KEYS[2 * i], ARGV[at], ARGV[at + 1], ARGV[at + 2])
    reply[#reply + 1], reply[#reply + 2] = quota_view(quota_log)
    at = at + 3
  end
end
return reply
