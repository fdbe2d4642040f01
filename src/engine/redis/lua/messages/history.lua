-- Included by conversation.lua: reads messages.

-- Reads messages with first ≤ seq ≤ last: at most `count`, and at most `budget` bytes of records (MAX_HISTORY_BYTES of
-- src/core/conversation/history.ts), but at least one message. Starts from the newest if `backwards`. Returns them in the order of
-- seq, a line "seq at record" for each, and whether the budget has cut the list.
local function conversation_read(conversation, first, last, count, budget, backwards)
  local lines, size, cut = {}, 0, false
  while first <= last and #lines < count and not cut do
    local most = math.min(READ_AT_ONCE, count - #lines)
    local entries = backwards and call('XREVRANGE', conversation.log, last, first, 'COUNT', most)
      or call('XRANGE', conversation.log, first, last, 'COUNT', most)
    if #entries == 0 then break end
    local values = conversation.rev and changes_values(conversation, entries)
    for i, entry in ipairs(entries) do
      local number, at, record = string.match(entry[1], '^%d+'), entry[2][4], entry[2][6]
      if values and values[i] then record = changes_present(record, values[i], number) end
      size = size + #record
      cut = size > budget and #lines > 0
      if cut then break end
      lines[#lines + 1] = number .. ' ' .. at .. ' ' .. record
      if backwards then last = number - 1 else first = number + 1 end
    end
  end
  if backwards then
    for i = 1, math.floor(#lines / 2) do lines[i], lines[#lines + 1 - i] = lines[#lines + 1 - i], lines[i] end
  end
  return table.concat(lines, '\n'), cut
end

-- Reads the messages of a history request by `historyRange` of src/core/conversation/history.ts, for a conversation with `newest`
-- as its newest seq. Returns the list, with the lines of `changes_own` before it, and whether there are more. `before` and `after` are
-- nil if the request has none.
local function conversation_history(conversation, newest, before, after, count, budget, user)
  local oldest, first, last, more = conversation_first(conversation, newest), nil, nil, nil
  if after ~= nil then
    first = math.max(oldest, after + 1)
    last = math.min(newest, first + count - 1)
    more = last < newest and first <= newest
  else
    last = math.min(newest, (before or newest + 1) - 1)
    first = math.max(oldest, last - count + 1)
    more = first > oldest and last >= first
  end
  conversation.reacted = false
  local list, cut = conversation_read(conversation, first, last, count, budget, after == nil)
  if conversation.reacted then
    local lines = changes_own(conversation, user)
    lines[#lines + 1] = list
    list = table.concat(lines, '\n')
  end
  return list, more or cut
end
