-- Reads texts of one slot together, and what time it is there.
--
-- KEYS  the texts
-- Reply the time in milliseconds since 1970, and each text, or false where there is none

-- include connection/time

local reply = redis.call('MGET', unpack(KEYS))
table.insert(reply, 1, store_time(''))
return reply
