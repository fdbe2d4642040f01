-- Puts an account in the place of what was there, if that is still there: add, update and remove of
-- AccountStore (core/ports/accounts.ts), all or nothing, and announced to all nodes.
--
-- KEYS[1]  accounts   hash: user to account (JSON)
-- KEYS[2]  seeded     there as soon as the store has held an account
-- KEYS[3]  control    stream of the control log
-- ARGV[1]  user
-- ARGV[2]  before     the account as it must be; '' when there must be none
-- ARGV[3]  after      the account as it is to be; '' removes it
-- ARGV[4]  entries kept in the control log
-- ARGV[5]  life of the control log, milliseconds
--
-- Reply 1, or 0 when something else was there

-- include connection/control-append

local user, before, after = ARGV[1], ARGV[2], ARGV[3]
if (redis.call('HGET', KEYS[1], user) or '') ~= before then
  return 0
end
-- Announced first: a node that sees the event reads what is there, while a change without its event would not be noticed.
control_append(KEYS[3], ARGV[4], ARGV[5], 'account', user)
if after == '' then
  redis.call('HDEL', KEYS[1], user)
else
  redis.call('HSET', KEYS[1], user, after)
  redis.call('SET', KEYS[2], 'yes')
end
return 1
