-- Writes whole keys, or more values of keys that an earlier call has begun (src/engine/redis/migration/contents.ts).
--
-- KEYS  keys
-- ARGV  of each key: h (hash: field, value …), z (sorted set: score, member …), l (list: values) or s (string: value);
--       1 to remove what it has before; its expiry in milliseconds since 1970 or ''; the number of values; the values
-- Reply 1

-- include migration/chunks

local call = redis.call
local COMMANDS = { h = 'HSET', z = 'ZADD', l = 'RPUSH', s = 'SET' }

local at = 1
for _, key in ipairs(KEYS) do
  local command, count = COMMANDS[ARGV[at]], tonumber(ARGV[at + 3])
  if ARGV[at + 1] == '1' then call('UNLINK', key) end
  in_chunks({ unpack(ARGV, at + 4, at + 3 + count) }, function(...) call(command, key, ...) end)
  if ARGV[at + 2] ~= '' then call('PEXPIREAT', key, ARGV[at + 2]) end
  at = at + 4 + count
end
return 1
