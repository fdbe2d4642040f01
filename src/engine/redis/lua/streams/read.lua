-- Reads the drafts of a conversation: `drafts` of Streams.
--
-- KEYS  1: meta   2: ids   3: log
-- ARGV  1: 1 to read the texts, too
-- Reply of each stream: handle, header (streams/drafts.lua), newest append, data or '', text as JSON without its quotes,
--       the seq of the message that it has become or 0: the script of its end may have been aborted before it removed the draft

-- include streams/drafts

local meta = KEYS[1]
-- As `stream_message` of streams/operations.lua; also where the head does not know the message yet.
local function seq_of(stream)
  local seq = string.match(redis.call('HGET', KEYS[2], stream.name) or '', '^%d+')
  local entry = seq and redis.call('XRANGE', KEYS[3], seq, seq)[1]
  if entry and string.find(entry[2][6], ',"stream":{"stream":"' .. stream.handle .. '",', 1, true) then return tonumber(seq) end
  return 0
end

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
  reply[n + 6] = seq_of(stream)
  n = n + 6
end
return reply
