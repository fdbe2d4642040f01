-- Reads several texts of one slot, and the time of their Redis.
--
-- KEYS  the texts
-- Reply the time in milliseconds since 1970, and each text, or false if there is none

-- include connection/time

local reply = redis.call('MGET', unpack(KEYS))
table.insert(reply, 1, store_time(''))
return reply
