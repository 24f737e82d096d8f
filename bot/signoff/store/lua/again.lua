-- Gives a lease back to be tried again later. Behind _outbox.lua.
-- KEYS[1] due|hooks  zset    cards or webhooks, short, by the time (ms) from which a worker may take them
-- KEYS[2] leases     hash    card, short -> token
-- KEYS[3] head:<id>  string  see _outbox.lua
-- ARGV[1] the card, short  [2] token  [3] ms until then  [4] the revision that the worker saw, or empty

if redis.call('HGET', KEYS[2], ARGV[1]) ~= ARGV[2] then
  return 0
end
redis.call('HDEL', KEYS[2], ARGV[1])
-- If it moved on while the worker was at it, it is due at once: not every place has to wait.
local due = ARGV[4] ~= '' and overtaken(KEYS[3], ARGV[4]) or clock() + ARGV[3]
redis.call('ZADD', KEYS[1], due, ARGV[1])
return 1
