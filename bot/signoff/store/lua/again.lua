-- Gives a lease back to be tried again later.
-- KEYS[1] due     zset  request ids by the time (ms) from which a worker may take them
-- KEYS[2] leases  hash  request id -> token
-- ARGV[1] id  [2] token  [3] ms until then

if redis.call('HGET', KEYS[2], ARGV[1]) ~= ARGV[2] then
  return 0
end
redis.call('HDEL', KEYS[2], ARGV[1])
local time = redis.call('TIME')
redis.call('ZADD', KEYS[1], time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[3], ARGV[1])
return 1
