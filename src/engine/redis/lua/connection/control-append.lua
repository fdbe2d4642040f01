-- Writes an event into the control log (control-stream.ts) in the same step as the change itself.
local function control_append(control, kept, life, name, value)
  redis.call('XADD', control, 'MAXLEN', '~', kept, '*', name, value)
  redis.call('PEXPIRE', control, life)
end
