-- Writes a conversation into the list of a user, before the user becomes a member of it. The entry gets another token each time, so
-- that a removal that has read an earlier entry does not remove this one (list-remove.lua).
--
-- KEYS  1: conversations
-- ARGV  1: '' or the time   2: conversation   3: a random token   4: the largest number of conversations, '' for no limit
-- Reply 2 if the entry is new, 1 if there was one, 0 if the list is full; and the entry

-- include connection/time

local exists = redis.call('HEXISTS', KEYS[1], ARGV[2]) == 1
if not exists and ARGV[4] ~= '' and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[4]) then return { 0, '' } end
local entry = string.format('%d', store_time(ARGV[1])) .. ' ' .. ARGV[3]
redis.call('HSET', KEYS[1], ARGV[2], entry)
return { exists and 1 or 2, entry }
