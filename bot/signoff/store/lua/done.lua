-- Gives a lease back after the cards have been brought up to a revision. Behind _outbox.lua.
-- KEYS[1] due|hooks  zset    cards or webhooks, short, by the time (ms) from which a worker may take them
-- KEYS[2] leases     hash    card, short -> token
-- KEYS[3] head:<id>  string  see _outbox.lua
-- ARGV[1] the card, short  [2] token  [3] the revision that every card shows

if redis.call('HGET', KEYS[2], ARGV[1]) ~= ARGV[2] then
  return 0
end
redis.call('HDEL', KEYS[2], ARGV[1])
-- It may have moved on while the worker was at it.
local due = overtaken(KEYS[3], ARGV[3])
if due then
  redis.call('ZADD', KEYS[1], due, ARGV[1])
else
  redis.call('ZREM', KEYS[1], ARGV[1])
end
return 1
