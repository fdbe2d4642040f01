-- Included by conversation.lua: the read marks of users.

-- Returns the read mark of a user; 0 for none. Marks are stored as "seq time".
local function conversation_marked(marks, user)
  return tonumber(string.match(call('HGET', marks, user) or '0', '^%d+'))
end

-- Decides whether a user's read mark moves to `seq`: only forward, and not beyond the newest message. Returns whether it moves.
local function conversation_mark(conversation, marks, user, seq)
  local moved = conversation.moved or {}
  if seq < 1 or seq > conversation.seq or seq <= (moved[user] or conversation_marked(marks, user)) then return false end
  conversation.marks, conversation.moved, conversation.marked = marks, moved, conversation.marked or {}
  moved[user] = seq
  conversation.marked[#conversation.marked + 1] = user
  conversation.marked[#conversation.marked + 1] = string.format('%d %d', seq, CLOCK)
  return true
end
