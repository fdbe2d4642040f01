-- Keeps the lease of a task that one node runs for all nodes: src/core/ports/shared-tasks.ts.
--
-- KEYS[1]  lease       the node that runs the task; deleted when the node releases it or the lease ends
-- KEYS[2]  done        exists until the task has to run again
-- KEYS[3]  hash: name of a task -> generation, the number of its last run; it never expires, so that generations only increase
-- ARGV[1]  acquire | renew | release (the run has failed) | finish (it has succeeded)
-- ARGV[2]  node
-- ARGV[3]  name of the task
-- ARGV[4]  length of the lease, or for finish the time until the next run, in milliseconds
--
-- Returns for acquire the generation of the run that may begin, or 0; otherwise 1, or 0 if another node has the lease.

local what, node, name, milliseconds = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
if what == 'acquire' then
  if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
  if not redis.call('SET', KEYS[1], node, 'PX', milliseconds, 'NX') then return 0 end
  return redis.call('HINCRBY', KEYS[3], name, 1)
end
if redis.call('GET', KEYS[1]) ~= node then return 0 end
if what == 'renew' then return redis.call('PEXPIRE', KEYS[1], milliseconds) end
redis.call('DEL', KEYS[1])
if what == 'finish' then redis.call('SET', KEYS[2], node, 'PX', milliseconds) end
return 1
