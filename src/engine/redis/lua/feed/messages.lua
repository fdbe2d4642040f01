-- Included by messages/conversation.lua: writes the events of the messages that a script stores, in one entry. The names of the
-- channels end with those of the conversations, after the tag of a bucket; no name of a stream has a shorter prefix.
local function feed_messages(conversations)
  -- A table only for several conversations: most calls have one.
  local first, list
  for i = 1, #conversations do
    local conversation = conversations[i]
    local stored = conversation.stored
    if stored > 0 then
      local channel = conversation.channel
      local name = string.sub(channel, string.find(channel, '}', FEED_TAG, true) + 4)
      local count = conversation_is_created(conversation) and ' c' .. stored or stored == 1 and ' 1' or ' ' .. stored
      local each = name .. ' ' .. conversation.posts[4 * stored - 2] .. count
      if conversation.time ~= CLOCK_TEXT then
        feed_add(FEED, 'm ' .. conversation.time .. ' ' .. each)
      elseif not first then
        first = each
      else
        list = list or { first }
        list[#list + 1] = each
      end
    end
  end
  if first then feed_add(FEED, 'm ' .. CLOCK_TEXT .. ' ' .. (list and table.concat(list, ' ') or first)) end
end
