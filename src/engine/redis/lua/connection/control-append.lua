-- Adds an event to the control stream (control-stream.ts), in the script that makes the change.
local function control_append(control, kept, life, name, value)
  redis.call('XADD', control, 'MAXLEN', '~', kept, '*', name, value)
  redis.call('PEXPIRE', control, life)
end
