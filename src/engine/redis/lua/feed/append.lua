-- Writes events that belong to no other write of the store: `append` of Feed (src/core/ports/feed/feed.ts).
--
-- KEYS  1: the events
-- ARGV  1: '' or the time   2: the events as JSON

-- include connection/time
-- include feed/entries

feed_add(KEYS[1], 'e ' .. string.format('%d', store_time(ARGV[1])) .. ' ' .. ARGV[2])
