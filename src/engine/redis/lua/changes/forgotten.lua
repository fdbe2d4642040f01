-- Included by scripts that take the names of erased persons out of logs.

-- Whether a message has lost its sender, and so its text. `value`: as in the hash `changes` (changes/present.lua); false for none.
local function changes_is_forgotten(value)
  local state = string.match(value or '', '^[^\t]*\t([^\t]*)\t')
  return state ~= nil and string.find(state, ',"person":true}', 1, true) ~= nil
end
