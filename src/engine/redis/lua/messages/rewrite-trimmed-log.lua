-- Removes the texts of trimmed messages from the memory of Redis. XTRIM only marks an entry as deleted while other entries of its
-- block are kept; the text stays until the whole block is freed. So the kept entries are copied to another stream, some in each
-- call, and the copy replaces the log.
--
-- KEYS  1: meta   2: log   3: copy
-- ARGV  1: the oldest seq at the last call, '' for none: a log that is trimmed all the time frees its blocks anyway
--       2: the number of entries to copy   3: 1 to continue a copy that was begun
-- Reply '' when all is done, 'more' to be called again at once, else the oldest seq, to be called later

local call = redis.call
-- After this time a copy that is not continued expires, in milliseconds.
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
-- Discards the copy if entries in it were trimmed from the log since.
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
-- The copy must get the expiry of the log before the rename, or the log would expire with the copy's.
local life = call('PTTL', KEYS[2])
if life > 0 then call('PEXPIRE', KEYS[3], life) else call('PERSIST', KEYS[3]) end
call('RENAME', KEYS[3], KEYS[2])
call('HDEL', KEYS[1], 'trimmed')
return ''
