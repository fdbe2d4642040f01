-- Claims the target of a migration, renews the claim, or ends it (src/engine/redis/migration/claim.ts).
--
-- KEYS  state of the migration, its claim, epoch and nodes of a store
-- ARGV  owner, how long the claim lasts in ms, 'begin' where nothing may be there, 'hold', 'end' of the claim or
--       'abandon' of the state, too; then the state to store, or ''
-- Reply 'ok'; 'held' by another owner; 'occupied', where nothing may be there; 'gone', where the state is missing

local call = redis.call
local state, claim, epoch, nodes = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local owner, ms, purpose, text = ARGV[1], ARGV[2], ARGV[3], ARGV[4]

local holder = call('GET', claim)
if holder and holder ~= owner then return 'held' end
if purpose == 'end' or purpose == 'abandon' then
  if holder then call('DEL', claim) end
  if holder and purpose == 'abandon' then call('DEL', state) end
  return 'ok'
end
if purpose == 'begin' then
  if call('EXISTS', state, epoch, nodes) > 0 then return 'occupied' end
elseif call('EXISTS', state) == 0 then
  return 'gone'
end
call('SET', claim, owner, 'PX', ms)
if text ~= '' then call('SET', state, text) end
return 'ok'
