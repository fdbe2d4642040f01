-- Has the leases of writers begin again: `renew` of Streams. In Cluster all streams are of one bucket.
--
-- KEYS  of each stream: meta
-- ARGV  1: '' or the time   then of each stream: handle, generation

-- include connection/time
-- include streams/drafts

local now = store_time(ARGV[1])
for i, meta in ipairs(KEYS) do
  local handle, generation = ARGV[2 * i], tonumber(ARGV[2 * i + 1])
  local stream = stream_read(meta, handle)
  if stream and stream.generation == generation then
    stream.renewed = now
    redis.call('HSET', stream_key(meta, 'drafts'), handle, stream_header(stream))
  end
end
