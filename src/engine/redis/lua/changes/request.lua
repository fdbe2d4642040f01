-- Included by changes/read and changes/commit: what both look up, so that the second finds out whether the first is still right.

-- Returns "<refusal or 0> <until> <index of the role, or nothing>" of a user.
local function request_standing(conversation, flags, user)
  if not speech_refusal then speech_load() end
  local refusal, till = speech_refusal(conversation, flags, user)
  local role = call('HGET', string.sub(conversation.meta, 1, -5) .. 'members', user)
  return (refusal or 0) .. ' ' .. (till or '') .. ' ' .. (role and string.sub(role, 1, 1) or '')
end

-- Returns what has the id of this name: "c <seq> <rev> <time>" a change, 'm' a message, 'd' an open stream, '' nothing.
local function request_name(conversation, ids, name)
  if conversation_find(conversation, ids, name) then return 'm' end
  local found = call('HGET', ids, name)
  if not found then return '' end
  local change = conversation.rev and changes_id(conversation, ids, name, conversation_first)
  if change then return 'c ' .. change end
  local handle = string.match(found, '^d(%S+)')
  if handle and call('HEXISTS', string.sub(conversation.meta, 1, -5) .. 'drafts', handle) == 1 then return 'd' end
  return ''
end
