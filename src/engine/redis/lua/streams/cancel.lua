-- Asks streams of a conversation to stop: `cancel` of Streams, and `mayCancel` of src/core/streams/writing.ts. A stream that is to be
-- discarded is not changed: the node ends it then.
--
-- KEYS  1: meta   2: log
-- ARGV  1: '' or the time   2: the lease   3: the time to stop   4: s (a stream) | r (all answers to a message)   5: handle or seq
--       6: who asks   7: 1 if it moderates   8: 1 to discard
-- Reply 0 (not found), 1 (forbidden) or 2; the handles of the streams

-- include connection/time
-- include messages/senders
-- include streams/drafts

local meta, kind, target, by = KEYS[1], ARGV[4], ARGV[5], ARGV[6]
local now, moderates, discard = store_time(ARGV[1]), ARGV[7] == '1', ARGV[8] == '1'
local drafts = stream_key(meta, 'drafts')

local open = {}
if kind == 's' then
  open[1] = stream_read(meta, target)
else
  local all = redis.call('HGETALL', drafts)
  for i = 1, #all, 2 do
    local stream = #all[i] == 12 and stream_read(meta, all[i], all[i + 1])
    if stream and stream.answers == target then open[#open + 1] = stream end
  end
end

local answered, asker = kind == 'r' and target or open[1] and open[1].answers or '', nil
if answered ~= '' and tonumber(answered) > 0 then
  local entry = redis.call('XRANGE', KEYS[2], answered, answered)[1]
  asker = entry and senders_of(entry[2][6])
end
if #open == 0 and (kind == 's' or not asker) then return { 0 } end

local for_later = kind == 'r' and not discard and (moderates or asker == by)
local handles = {}
for _, stream in ipairs(open) do
  if moderates or stream.user == by or not discard and asker == by then handles[#handles + 1] = stream.handle end
end
if #handles == 0 and not for_later then return { 1 } end
if for_later then
  local key, lease = stream_key(meta, 'cancelled'), tonumber(ARGV[2])
  redis.call('HSET', key, target, stream_number(now + lease) .. ' ' .. by)
  redis.call('PEXPIRE', key, stream_number(2 * lease))
end
if not discard then
  for _, stream in ipairs(open) do
    -- Another request to stop gives the writer no more time.
    if not stream.stop_at and (moderates or stream.user == by or asker == by) then
      stream.stop_at, stream.by = now + tonumber(ARGV[3]), by
      local leases, member = stream_lease(meta, stream.handle)
      redis.call('ZADD', leases, 'LT', stream_number(stream.stop_at), member)
      redis.call('HSET', drafts, stream.handle, stream_header(stream))
    end
  end
end
return { 2, unpack(handles) }
