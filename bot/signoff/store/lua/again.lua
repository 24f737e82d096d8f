-- Gives a lease back to be tried again later.
-- KEYS[1] due        zset    request ids by the time (ms) from which a worker may take them
-- KEYS[2] leases     hash    request id -> token
-- KEYS[3] head:<id>  string  begins with the record's revision
-- ARGV[1] id  [2] token  [3] ms until then  [4] the revision that the worker saw, or empty

if redis.call('HGET', KEYS[2], ARGV[1]) ~= ARGV[2] then
  return 0
end
redis.call('HDEL', KEYS[2], ARGV[1])
local delay = ARGV[3]
local rev = string.match(redis.call('GET', KEYS[3]) or '', '^%d+')
if ARGV[4] ~= '' and rev and rev ~= ARGV[4] then
  -- It moved on while the worker was at it, and not every place has to wait.
  delay = 0
end
local time = redis.call('TIME')
redis.call('ZADD', KEYS[1], time[1] * 1000 + math.floor(time[2] / 1000) + delay, ARGV[1])
return 1
