-- Takes the texts of messages that were trimmed out of the memory. A stream only marks an entry that lies in a block with
-- others; the text goes with the block. So what is kept is copied, some entries a call, and the copy takes the log's place.
--
-- KEYS  1: meta   2: log   3: copy
-- ARGV  1: the oldest seq at the last look, '' for none: a log that is trimmed all the time loses its blocks by itself
--       2: how many entries to copy   3: 1 to go on with a copy that was begun
-- Reply '' when there is nothing left to do, 'more' to be called again at once, else the oldest seq, to be called later

local call = redis.call
-- When a copy that is not continued expires, in milliseconds.
local ABANDONED = 600000

if not call('HGET', KEYS[1], 'trimmed') then return '' end
local oldest = call('XRANGE', KEYS[2], '-', '+', 'COUNT', 1)[1]
if not oldest then
  call('UNLINK', KEYS[3])
  call('HDEL', KEYS[1], 'trimmed')
  return ''
end
local first = string.match(oldest[1], '^%d+')
local begun = ARGV[3] == '1' and call('XRANGE', KEYS[3], '-', '+', 'COUNT', 1)[1]
-- What was copied may have been trimmed since.
if ARGV[1] ~= first or not begun or begun[1] ~= oldest[1] then
  call('UNLINK', KEYS[3])
  begun = nil
end
if ARGV[1] ~= first then return first end

local from = begun and '(' .. call('XREVRANGE', KEYS[3], '+', '-', 'COUNT', 1)[1][1] or '-'
local entries = call('XRANGE', KEYS[2], from, '+', 'COUNT', ARGV[2])
for _, entry in ipairs(entries) do call('XADD', KEYS[3], entry[1], unpack(entry[2])) end
if #entries == tonumber(ARGV[2]) then
  call('PEXPIRE', KEYS[3], ABANDONED)
  return 'more'
end
-- Before it takes the place, or the log would go away with the life of the copy.
local life = call('PTTL', KEYS[2])
if life > 0 then call('PEXPIRE', KEYS[3], life) else call('PERSIST', KEYS[3]) end
call('RENAME', KEYS[3], KEYS[2])
call('HDEL', KEYS[1], 'trimmed')
return ''
