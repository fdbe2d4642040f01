-- Returns the reactions of a user to messages: `mine` of Changes (src/core/ports/conversation/changes.ts).
--
-- KEYS  1: meta   2: log   3: changes
-- ARGV  1: user   then seqs
-- Reply lines as changes_own (changes/present.lua)

local call = redis.call

-- include changes/present

if not call('HGET', KEYS[1], 'rev') then return {} end
changes_load()
local conversation = { meta = KEYS[1], reacted = false }
local oldest = call('XRANGE', KEYS[2], '-', '+', 'COUNT', 1)[1]
local kept = {}
for i = 2, #ARGV do
  if oldest and tonumber(ARGV[i]) >= tonumber(string.match(oldest[1], '^%d+')) then kept[#kept + 1] = { ARGV[i] } end
end
if #kept == 0 then return {} end
changes_values(conversation, kept)
return conversation.reacted and changes_own(conversation, ARGV[1]) or {}
