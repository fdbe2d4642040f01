-- Adds an erasure, unless one of its user is under way, and removes old reports.
--
-- KEYS  1: persons, hash: id → erasure (JSON)
-- ARGV  1: id   2: user   3: erasure   4: reports of erasures that were started before this time are removed
-- Reply the erasure of this user that is under way

for _, text in ipairs(redis.call('HVALS', KEYS[1])) do
  local erasure = cjson.decode(text)
  if erasure.user == ARGV[2] then return text end
  if not erasure.user and erasure.startedAt < tonumber(ARGV[4]) then redis.call('HDEL', KEYS[1], erasure.id) end
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return ARGV[3]
