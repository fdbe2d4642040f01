-- Reads texts of one slot, and what time it is there.
--
-- KEYS     the texts
--
-- Answers the time in milliseconds since 1970, and each text, or false where there is none.

local time = redis.call('TIME')
local answer = redis.call('MGET', unpack(KEYS))
table.insert(answer, 1, time[1] * 1000 + math.floor(time[2] / 1000))
return answer
