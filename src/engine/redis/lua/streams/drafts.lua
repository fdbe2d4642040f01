-- Included by the scripts that use open streams (src/core/ports/conversation/streams.ts). Decides as `stepDraft` of
-- src/core/streams/draft.ts does. Keys of a conversation:
--
--   drafts          hash: handle → generation, started, renewed, reset, cancelled until, cancelled by, the message that it answers,
--                   epoch, x if its writer is exempt, name, user, id, with tabs between; "<handle>=" → data as JSON
--   draft:<handle>  list, an entry for each batch of appends: "<newest append> <time since started> <bytes so far> <text>"; the text is
--                   JSON without its quotes, so that the texts of all entries together are one text as JSON
--   cancelled       hash: message → "<until> <user>", a request to stop the answers to it which start until then
--
-- The bucket has `leases`, a sorted set: "<conversation> <handle>" → a time before which the stream does not end by itself. An append
-- does not write there: the sweep finds that the stream goes on, and moves the time. So an append is one write.

local function stream_key(meta, what)
  return string.sub(meta, 1, -5) .. what
end

local function stream_list(meta, handle)
  return string.sub(meta, 1, -5) .. 'draft:' .. handle
end

-- The leases of the bucket of a conversation, and the name of a stream there.
local function stream_lease(meta, handle)
  local bucket, name = string.match(meta, '^(.*}:)c:(.*):meta$')
  return bucket .. 'leases', name .. ' ' .. handle
end

local function stream_number(number)
  return string.format('%d', number)
end

local function stream_header(stream)
  return table.concat({
    stream_number(stream.generation),
    stream_number(stream.started),
    stream_number(stream.renewed),
    stream_number(stream.reset),
    stream.stop_at and stream_number(stream.stop_at) or '',
    stream.by,
    stream.answers,
    stream.epoch,
    stream.exempt,
    stream.name,
    stream.user,
    stream.id,
  }, '\t')
end

-- Reads an open stream; nil if there is none.
local function stream_read(meta, handle, header)
  header = header or redis.call('HGET', stream_key(meta, 'drafts'), handle)
  if not header then return nil end
  local generation, started, renewed, reset, stop_at, by, answers, epoch, exempt, name, user, id =
    string.match(header, '^(%d+)\t(%d+)\t(%d+)\t(%d+)\t(%d*)\t([^\t]*)\t(%d*)\t([^\t]*)\t(x?)\t([^\t]*)\t([^\t]*)\t(.*)$')
  local newest = redis.call('LINDEX', stream_list(meta, handle), -1)
  local n, after, bytes = string.match(newest or '0 0 0 ', '^(%d+) (%d+) (%d+) ')
  return {
    meta = meta,
    handle = handle,
    generation = tonumber(generation),
    started = tonumber(started),
    -- When its writer was last known to be there; an append shows that, too.
    renewed = tonumber(renewed),
    -- When it was started with an empty text; appends before that do not count.
    reset = tonumber(reset),
    -- When the server ends it because it was asked to stop, and who has asked.
    stop_at = tonumber(stop_at),
    by = by,
    answers = answers,
    epoch = epoch,
    -- x: no mute or membership binds its writer.
    exempt = exempt,
    name = name,
    user = user,
    id = id,
    n = tonumber(n),
    bytes = tonumber(bytes),
    appended = math.max(tonumber(reset), newest and started + after or 0),
    -- Text of this script that is not written, and whether what is written is dropped.
    parts = {},
    drops = false,
    data = false,
  }
end

-- `onAppend` of src/core/streams/draft.ts. From `first` on ARGV has `count` times n, text and data or ''. Returns 'stored', 'gap' or
-- 'too_large'.
local function stream_append(stream, first, count, most, now)
  local n, bytes, parts, data = stream.n, stream.bytes, {}, false
  for i = first, first + 3 * count - 1, 3 do
    local number, text = tonumber(ARGV[i]), ARGV[i + 1]
    if number > n or n ~= stream.n then
      if number ~= n + 1 then return 'gap' end
      n, bytes = number, bytes + #text
      parts[#parts + 1] = text
      if ARGV[i + 2] ~= '' then data = ARGV[i + 2] end
    end
  end
  if bytes > most then return 'too_large' end
  stream.n, stream.bytes, stream.appended = n, bytes, now
  if data then stream.data = data end
  if #parts > 0 then stream.parts[#stream.parts + 1] = table.concat(parts) end
  return 'stored'
end

-- `dueAt` of src/core/streams/draft.ts. `since`: leases begin again at this time, because the nodes or the store were away.
local function stream_due(stream, rules, since)
  local lease = math.max(stream.renewed, stream.appended, since) + rules.lease
  return math.min(lease, stream.appended + rules.idle, stream.started + rules.max, stream.stop_at or math.huge)
end

-- The text so far, as JSON without its quotes.
local function stream_text(stream)
  local texts = {}
  if not stream.drops then
    for i, entry in ipairs(redis.call('LRANGE', stream_list(stream.meta, stream.handle), 0, -1)) do
      texts[i] = string.match(entry, '^%d+ %d+ %d+ (.*)$')
    end
  end
  return table.concat(texts) .. table.concat(stream.parts)
end
