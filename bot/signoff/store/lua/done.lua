-- Gives a lease back after the cards have been brought up to a revision.
-- KEYS[1] due        zset    request ids by the time (ms) from which a worker may take them
-- KEYS[2] leases     hash    request id -> token
-- KEYS[3] head:<id>  string  begins with the record's revision
-- ARGV[1] id  [2] token  [3] the revision that every card shows

if redis.call('HGET', KEYS[2], ARGV[1]) ~= ARGV[2] then
  return 0
end
redis.call('HDEL', KEYS[2], ARGV[1])
local rev = string.match(redis.call('GET', KEYS[3]) or '', '^%d+')
if rev and rev ~= ARGV[3] then
  -- It moved on while the worker was at it.
  local time = redis.call('TIME')
  redis.call('ZADD', KEYS[1], time[1] * 1000 + math.floor(time[2] / 1000), ARGV[1])
else
  redis.call('ZREM', KEYS[1], ARGV[1])
end
return 1
