-- Included by the scripts that write events: adds entries to a stream of events, which src/engine/redis/feed/entries.ts reads. On one
-- Redis all events are in one stream; in Cluster those of a bucket are, in the slot of what they are about.
--
-- An entry has one field, because Redis stores the names of fields only once for entries that share them. Its value is a letter and
-- words with spaces between:
--
--   m time, then of each conversation: name last count   so many messages were stored, `last` is the newest. The count begins with c if
--                                                       the first of them has created the conversation
--   e time events          other events, as JSON
--   d time key events      events that a script which repairs another one may write again: `key` names them
--   l since until name     messages of this conversation were lost
--
-- Only feed/trim.lua removes entries.

local function feed_add(feed, value)
  redis.call('XADD', feed, '*', 'e', value)
end

-- Messages that a script has found which repairs another one.
local function feed_found(feed, meta, time, first, last, is_first)
  local name = string.match(meta, '^.*}:c:(.*):meta$')
  feed_add(feed, 'm ' .. time .. ' ' .. name .. ' ' .. string.format(is_first and '%d c%d' or '%d %d', last, last - first + 1))
end
