-- Included by the scripts that store messages, after messages/conversation: refuses senders by their standing, which is read in the
-- same script that stores the message (MB2), and makes senders members.
--
-- The operation of a message is 'p' for a sender who is known to be a member, or no member at all; other senders have flags:
--   x  the sender is exempt   e  the conversation must exist   j<limits>  the sender becomes a member with the message

-- Results of messages.
local FORBIDDEN, BANNED, MUTED = 4, 5, 6

local speech_refusal, speech_refuses_mark, speech_join, consider_post

-- Makes the functions. Called when one is needed, because a script makes all its functions in each call (2 µs), and most calls need
-- neither.
local function speech_load()

-- include members/encoding

-- Returns when the sanction of a user ends: '' for never, nil if there is none in force. `isInForce` of src/core/members/records.ts.
local function speech_sanction(conversation, what, user)
  local found = call('HGET', member_key(conversation.meta, what), user)
  if not found then return nil end
  local till = string.match(found, '^%d*')
  if till == '' or CLOCK < tonumber(till) then return till end
end

-- `refuseSpeech` of src/core/members/speech.ts, and `mustExist` of PostRequest. Returns the refusal and when it ends, or nil.
speech_refusal = function(conversation, flags, user)
  local guard = conversation.guard or ''
  if string.find(flags, 'e', 1, true) and not string.find(guard, 'f', 1, true)
    and conversation.seq <= tonumber(call('HGET', conversation.meta, 'removed_seq') or 0) then
    return FORBIDDEN, ''
  end
  local members_only, sanctions = string.find(guard, 'm', 1, true), string.find(guard, 's', 1, true)
  local exempt = string.find(flags, 'x', 1, true)
  if sanctions and (exempt or not members_only) then
    local till = speech_sanction(conversation, 'banned', user)
    if till then return BANNED, till end
  end
  if exempt then return nil end
  if members_only and call('HEXISTS', member_key(conversation.meta, 'members'), user) == 0 then return FORBIDDEN, '' end
  local till = sanctions and speech_sanction(conversation, 'muted', user)
  if till then return MUTED, till end
end

-- `refusesMark` of src/core/members/speech.ts.
speech_refuses_mark = function(conversation, flags, user)
  local refusal = speech_refusal(conversation, flags, user)
  return refusal and refusal ~= MUTED
end

-- Makes the sender of a stored message a member, unless a list is full. `list`: the user's list on one Redis, and `most_of_user` its
-- limit; in Cluster the node has written to it before. Returns 2 if the user became a member, 1 if it was one, and 0 if it is none.
--
-- The list and the index of names are written before the membership: each may have more than there is.
speech_join = function(conversation, user, most, list, most_of_user)
  local meta = conversation.meta
  local name, news = member_conversation(meta)
  local members = member_key(meta, 'members')
  local entry = conversation.time .. ' ' .. FRESH
  if call('HEXISTS', members, user) == 1 then
    if list then call('HSETNX', list, name, entry) end
    return 1
  end
  if string.find(conversation.guard or '', 'm', 1, true) or call('HLEN', members) >= most then return 0 end
  if list then
    if call('HLEN', list) >= most_of_user and call('HEXISTS', list, name) == 0 then return 0 end
    call('HSET', list, name, entry)
  end
  local seq = string.format('%d', conversation.seq)
  call('ZADD', member_key(meta, 'names'), 0, user)
  local event = '[{"type":"member.added","conversation":"%s","user":"%s","details":{"role":"member"}}]'
  feed_add(FEED, 'e ' .. conversation.time .. ' ' .. string.format(event, name, user))
  call('HSET', members, user, member_value('0', conversation.time, seq, conversation.time))
  call('HDEL', member_key(meta, 'gone'), user)
  member_news(news, 'conversation', name, 'joined', user, 'at', conversation.time)
  return 2
end

-- Looks a message up that is not stored now. `flags`: after a letter. Returns 2 (a repeat), seq, time, payer; 3 (the conversation was removed
-- since `epoch`); a refusal and when it ends; or 0.
consider_post = function(conversation, flags, name, user, epoch)
  local refusal, till
  if conversation.guard or #flags > 1 then
    refusal, till = speech_refusal(conversation, flags, user)
  end
  if conversation_is_removed(conversation, epoch) then return 3, 0, 0, '' end
  if not refusal or refusal == MUTED then
    local seq, time, payer = conversation_find(conversation, conversation.ids, name)
    if seq then return 2, seq, time, payer end
  end
  if refusal then return refusal, till, 0, '' end
  return 0, 0, 0, ''
end

end
