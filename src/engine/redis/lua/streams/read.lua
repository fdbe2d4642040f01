-- Reads the open streams of a conversation: `drafts` of Streams.
--
-- KEYS  1: meta
-- ARGV  1: 1 to read the texts, too
-- Reply of each stream: handle, header (streams/drafts.lua), newest append, data or '', text as JSON without its quotes

-- include streams/drafts

local meta = KEYS[1]
local headers, data = {}, {}
local all = redis.call('HGETALL', stream_key(meta, 'drafts'))
for i = 1, #all, 2 do
  if #all[i] == 12 then headers[all[i]] = all[i + 1] else data[string.sub(all[i], 1, 12)] = all[i + 1] end
end
local reply, n = {}, 0
for handle, header in pairs(headers) do
  local stream = stream_read(meta, handle, header)
  reply[n + 1], reply[n + 2], reply[n + 3], reply[n + 4] = handle, header, stream.n, data[handle] or ''
  reply[n + 5] = ARGV[1] == '1' and stream_text(stream) or ''
  n = n + 5
end
return reply
