-- Replaces an account if it is still the one that was read before, and announces that to all nodes: `add`, `update` and
-- `remove` of AccountStore (core/ports/accounts.ts).
--
-- KEYS[1]  accounts   hash: user to account (JSON)
-- KEYS[2]  seeded     exists when the store has had an account
-- KEYS[3]  control    the control stream
-- ARGV[1]  user
-- ARGV[2]  before     the expected account; '' for none
-- ARGV[3]  after      the new account; '' removes it
-- ARGV[4]  entries kept in the control stream
-- ARGV[5]  expiry of the control stream, milliseconds
--
-- Reply 1, or 0 if the account was not the expected one

-- include connection/control-append

local user, before, after = ARGV[1], ARGV[2], ARGV[3]
if (redis.call('HGET', KEYS[1], user) or '') ~= before then
  return 0
end
-- Announced first: an event without its change is harmless, because a node reads the account when it sees the event. A change
-- without its event would not be noticed.
control_append(KEYS[3], ARGV[4], ARGV[5], 'account', user)
if after == '' then
  redis.call('HDEL', KEYS[1], user)
else
  redis.call('HSET', KEYS[1], user, after)
  redis.call('SET', KEYS[2], 'yes')
end
return 1
