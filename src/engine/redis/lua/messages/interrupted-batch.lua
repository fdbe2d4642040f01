-- Included by the scripts of a standalone Redis that charge: repairs a batch whose script ended early.
--
-- Users are charged before their messages are stored. Before that, the script writes a plan of its writes, and deletes it at the
-- end. A script that finds a plan refunds the charges of messages that were not stored, and updates the heads of conversations to
-- the messages that were. The plan is one list:
--
--   users, { quota, charged before, charged now } for each, { meta, seq before, messages, payer, payer, … } for each
--   conversation
--
-- A payer is the index of a user in that list, or 0. All entries of a log after "seq before" are of that batch, because every
-- script that writes to a log repairs an interrupted batch first.

-- include messages/senders
-- include feed/entries

-- Writes the plan; returns false if there is nothing to write.
local function interrupted_begin(key, quota_logs, conversations)
  local all, n, places = { 0 }, 1, {}
  for i = 1, #quota_logs do
    local quota_log = quota_logs[i]
    if quota_log.added > 0 then
      all[n + 1], all[n + 2], all[n + 3] = quota_log.key, quota_log.kept, quota_log.added
      n = n + 3
      places[i] = (n - 1) / 3
    end
  end
  all[1] = (n - 1) / 3
  for i = 1, #conversations do
    local conversation = conversations[i]
    local stored, posts = conversation.stored, conversation.posts
    if stored > 0 then
      all[n + 1], all[n + 2], all[n + 3] = conversation.meta, conversation.base, stored
      n = n + 3
      for post = 1, stored do all[n + post] = places[posts[4 * post]] or 0 end
      n = n + stored
    end
  end
  if n == 1 then return false end
  redis.call('SET', key, cmsgpack.pack(all))
  return true
end

local function interrupted_end(key)
  redis.call('DEL', key)
end

-- Refunds charges without a message, and updates heads to the stored messages. `epoch` is that of the store.
local function interrupted_heal(key, text, epoch)
  local all = cmsgpack.unpack(text)
  local users, stored = all[1], {}
  local at = 2 + 3 * users
  while all[at] do
    local meta, base, count = all[at], all[at + 1], all[at + 2]
    local newest = redis.call('XREVRANGE', (string.gsub(meta, ':meta$', ':log')), '+', '-', 'COUNT', 1)[1]
    local seq = newest and tonumber(string.match(newest[1], '^%d+')) or 0
    for post = 1, math.min(count, seq - base) do
      local payer = all[at + 2 + post]
      stored[payer] = (stored[payer] or 0) + 1
    end
    local known = tonumber(redis.call('HGET', meta, 'seq') or 0)
    if seq > base and known < seq then
      local is_first = redis.call('HEXISTS', meta, 'epoch') == 0
      feed_found(string.gsub(key, 'batch$', 'feed'), meta, newest[2][4], known + 1, seq, is_first)
      local by = senders_heal(meta, (string.gsub(meta, ':meta$', ':log')), known + 1, seq)
      if epoch then redis.call('HSETNX', meta, 'epoch', epoch) end
      redis.call('HSET', meta, 'seq', string.format('%d', seq), 'at', newest[2][4], 'by', by)
    end
    at = at + 3 + count
  end
  for user = 1, users do
    local quota, kept, added = all[3 * user - 1], all[3 * user], all[3 * user + 1]
    local surplus = redis.call('LLEN', quota) - kept - (stored[user] or 0)
    if surplus > 0 then redis.call('RPOP', quota, math.min(added, surplus)) end
  end
  redis.call('DEL', key)
end
