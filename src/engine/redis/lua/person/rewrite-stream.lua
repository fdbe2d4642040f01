-- Takes a name out of a stream of events: copies all entries with another name in its place, some in each call, and the copy replaces the
-- stream. Entries keep their ids, so readers go on where they are. The stream may get entries meanwhile: the last call copies all that is left.
--
-- KEYS  1: stream   2: copy
-- ARGV  1: the name   2: what takes its place   3: the number of entries to copy   4: 1 to continue a copy that was begun
--       5: 1 for a stream of the feed (feed/entries.lua), whose events lose what the user has named in them, too
-- Reply 1 to be called again at once, 0 when it is done

local call = redis.call
-- After this time a copy that is not continued expires, in milliseconds.
local ABANDONED = 600000

local stream, copy, name, other = KEYS[1], KEYS[2], ARGV[1], ARGV[2]
local pattern = '"' .. string.gsub(name, '%p', '%%%0') .. '"'
local replacement = '"' .. string.gsub(other, '%%', '%%%%') .. '"'
-- Returns events without the name; `text` begins with words before the JSON.
local function without_user(text)
  local head, json = string.match(text, '^([^%[]*)(%[.*)$')
  if not json then return text end
  local events = cjson.decode(json)
  for _, event in ipairs(events) do
    local details = event.details
    if event.user == name then
      event.user = other
      if details then details.reaction, details.id = nil, nil end
    end
    if details and details.by == name then details.by = other end
  end
  return head .. cjson.encode(events)
end

if ARGV[4] ~= '1' then call('UNLINK', copy) end
local newest = call('XREVRANGE', copy, '+', '-', 'COUNT', 1)[1]
local entries = call('XRANGE', stream, newest and '(' .. newest[1] or '-', '+', 'COUNT', ARGV[3])
for _, entry in ipairs(entries) do
  local fields = entry[2]
  for i = 2, #fields, 2 do
    if fields[i] == name then
      fields[i] = other
    elseif ARGV[5] ~= '1' then
      fields[i] = string.gsub(fields[i], pattern, replacement)
    elseif string.find(fields[i], '"' .. name .. '"', 1, true) then
      fields[i] = without_user(fields[i])
    end
  end
  call('XADD', copy, entry[1], unpack(fields))
end
if #entries == tonumber(ARGV[3]) then
  call('PEXPIRE', copy, ABANDONED)
  return 1
end
if call('EXISTS', copy) == 0 then return 0 end
local life = call('PTTL', stream)
if life > 0 then call('PEXPIRE', copy, life) else call('PERSIST', copy) end
call('RENAME', copy, stream)
return 0
