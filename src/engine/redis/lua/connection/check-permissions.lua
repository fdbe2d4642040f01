-- Checks whether the Redis user may run every command that Parley uses, and changes nothing but one key. Redis checks permissions
-- before it reads keys, so each command is tried on a key that does not exist, or on a key of another type.
-- test/engine/redis/connection/permissions.test.ts checks that the list is complete.
--
-- KEYS  1: a key that this script writes   2: a key that never exists
-- ARGV  1: expiry of key 1, milliseconds   2: NUMSUB | SHARDNUMSUB
-- Reply the first command that failed and its error; nothing if none failed

local text, none = KEYS[1], KEYS[2]
local commands = {
  { 'SET', text, '', 'PX', ARGV[1] }, { 'TIME' }, { 'PUBSUB', ARGV[2] },
  { 'GET', none }, { 'MGET', none }, { 'GETDEL', none }, { 'EXISTS', none }, { 'TYPE', none }, { 'DEL', none }, { 'UNLINK', none },
  { 'PEXPIRE', none, 1 }, { 'PEXPIREAT', none, 1 }, { 'PTTL', none }, { 'PERSIST', none }, { 'RENAME', none, none },
  { 'HGET', none, 'a' }, { 'HMGET', none, 'a' }, { 'HGETALL', none }, { 'HKEYS', none }, { 'HVALS', none },
  { 'HSCAN', none, 0 }, { 'HLEN', none }, { 'HEXISTS', none, 'a' }, { 'HDEL', none, 'a' },
  { 'HSET', text, 'a', 1 }, { 'HSETNX', text, 'a', 1 }, { 'HINCRBY', text, 'a', 1 },
  { 'LINDEX', none, 0 }, { 'LLEN', none }, { 'LRANGE', none, 0, -1 }, { 'LPOS', none, 1 }, { 'LREM', none, 1, 1 },
  { 'LTRIM', none, 0, -1 }, { 'LPOP', none }, { 'RPOP', none, 1 }, { 'RPUSH', text, 1 },
  { 'XRANGE', none, '-', '+' }, { 'XREVRANGE', none, '+', '-' }, { 'XTRIM', none, 'MAXLEN', 1 },
  { 'XADD', text, '*', 'a', 1 },
  { 'XLEN', none }, { 'ZRANGE', none, 0, -1 }, { 'ZREMRANGEBYSCORE', none, 0, 1 }, { 'ZREMRANGEBYRANK', none, 0, 0 }, { 'ZREVRANGE', none, 0, -1 }, { 'ZCARD', none }, { 'ZSCAN', none, 0 }, { 'ZREM', none, 'a' },
  { 'ZADD', text, 1, 'a' },
  { 'ZRANGEBYSCORE', none, 0, 1 },
  { 'SMEMBERS', none }, { 'SMISMEMBER', none, 'a' }, { 'SUNIONSTORE', none, none }, { 'SREM', none, 'a' }, { 'SADD', text, 'a' },
}
for _, command in ipairs(commands) do
  local reply = redis.pcall(unpack(command))
  local err = type(reply) == 'table' and reply.err
  if err and not string.find(err, 'WRONGTYPE', 1, true) and not string.find(err, 'no such key', 1, true) then
    return { command[1], err }
  end
end
return {}
