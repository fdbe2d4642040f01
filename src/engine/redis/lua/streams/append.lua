-- Stores appends of open streams: `append` of Streams (src/core/ports/conversation/streams.ts). In Cluster all streams are of one bucket.
--
-- KEYS  of each stream: meta, channel of the conversation
-- ARGV  1: '' or the time   2: the most bytes of a stream   3: SHARDNUMSUB | NUMSUB, or '' if PUBSUB cannot count
--       then of each stream: handle, generation, own subscriptions to the channel, number of appends; of each append: n text data
-- Reply of each stream: 1 (stored), 2 (fenced), 3 (a gap) or 4 (too large); the newest append that is stored; who has asked it to
--       stop, or ''; 1 if other nodes may be subscribed to the channel

-- include connection/time
-- include streams/drafts

local now, most, numsub = store_time(ARGV[1]), tonumber(ARGV[2]), ARGV[3]
local reply, n, at = {}, 0, 4

local function carry_out(meta, handle, count)
  local stream = stream_read(meta, handle)
  if not stream or stream.generation ~= tonumber(ARGV[at + 1]) then return 2, 0, '' end
  local outcome = stream_append(stream, at + 4, count, most, now)
  if outcome == 'gap' then return 3, stream.n, '' end
  if outcome == 'too_large' then return 4, stream.n, '' end
  if stream.data then redis.call('HSET', stream_key(meta, 'drafts'), handle .. '=', stream.data) end
  if #stream.parts > 0 then
    local head = string.format('%d %d %d ', stream.n, math.max(0, now - stream.started), stream.bytes)
    redis.call('RPUSH', stream_list(meta, handle), head .. stream.parts[1])
  else
    -- All of it was stored before; it shows that the writer is there.
    stream.reset = now
    redis.call('HSET', stream_key(meta, 'drafts'), handle, stream_header(stream))
  end
  return 1, stream.n, stream.by
end

for i = 1, #KEYS, 2 do
  local meta, channel, count = KEYS[i], KEYS[i + 1], tonumber(ARGV[at + 3])
  reply[n + 1], reply[n + 2], reply[n + 3] = carry_out(meta, ARGV[at], count)
  local others = numsub == '' or redis.call('PUBSUB', numsub, channel)[2] > tonumber(ARGV[at + 2])
  reply[n + 4] = others and 1 or 0
  n = n + 4
  at = at + 4 + 3 * count
end
return reply
