-- Included by messages/conversation.lua: writes the events of the messages that a script stores, in one entry. The names of the
-- channels end with those of the conversations, after the tag of a bucket; no name of a stream has a shorter prefix.
local function feed_messages(conversations)
  local list, n = { 'm ' .. CLOCK_TEXT }, 1
  for i = 1, #conversations do
    local conversation = conversations[i]
    local stored = conversation.stored
    if stored > 0 then
      local channel = conversation.channel
      local name = string.sub(channel, string.find(channel, '}', FEED_TAG, true) + 4)
      local count = conversation_is_created(conversation) and ' c' .. stored or stored == 1 and ' 1' or ' ' .. stored
      local each = name .. ' ' .. conversation.posts[4 * stored - 2] .. count
      if conversation.time == CLOCK_TEXT then
        n = n + 1
        list[n] = each
      else
        feed_add(FEED, 'm ' .. conversation.time .. ' ' .. each)
      end
    end
  end
  if n > 1 then feed_add(FEED, table.concat(list, ' ')) end
end
