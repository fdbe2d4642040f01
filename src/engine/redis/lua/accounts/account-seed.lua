-- Adds the first accounts of a store that has never held one: seed of AccountStore (core/ports/accounts.ts).
--
-- KEYS[1]  accounts   hash: user to account (JSON)
-- KEYS[2]  seeded     there as soon as the store has held an account
-- KEYS[3]  control    stream of the control log
-- ARGV[1]  entries kept in the control log
-- ARGV[2]  life of the control log, milliseconds
-- ARGV[3…] user, account (JSON), user, account …
--
-- Reply 1, or 0 when there was one before

-- include connection/control-append

-- Accounts count, too: a script may have ended between an account and the note that there was one.
if redis.call('EXISTS', KEYS[2], KEYS[1]) > 0 then
  return 0
end
for i = 3, #ARGV, 2 do control_append(KEYS[3], ARGV[1], ARGV[2], 'account', ARGV[i]) end
redis.call('HSET', KEYS[1], unpack(ARGV, 3))
redis.call('SET', KEYS[2], 'yes')
return 1
