-- Adds the first accounts to a store that has never had one: `seed` of AccountStore (core/ports/accounts.ts).
--
-- KEYS[1]  accounts   hash: user to account (JSON)
-- KEYS[2]  seeded     exists when the store has had an account
-- KEYS[3]  control    the control stream
-- ARGV[1]  entries kept in the control stream
-- ARGV[2]  expiry of the control stream, milliseconds
-- ARGV[3…] user, account (JSON), user, account …
--
-- Reply 1, or 0 if the store has had an account before

-- include connection/control-append

-- Also checks for accounts, because a script may have ended after it had added an account and before it set `seeded`.
if redis.call('EXISTS', KEYS[2], KEYS[1]) > 0 then
  return 0
end
for i = 3, #ARGV, 2 do control_append(KEYS[3], ARGV[1], ARGV[2], 'account', ARGV[i]) end
redis.call('HSET', KEYS[1], unpack(ARGV, 3))
redis.call('SET', KEYS[2], 'yes')
return 1
