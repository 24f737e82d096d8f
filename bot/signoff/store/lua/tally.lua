-- Counts one more within a window that slides.
-- KEYS[1] tally:<what>  zset  calls by the time (ms) at which they came; goes when nothing has come for a window
-- ARGV[1] the call's name, by which it is recognised when it is sent again  [2] the window in ms
-- Answers how many came within the window, this one too.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])
redis.call('ZADD', KEYS[1], 'NX', now, ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return redis.call('ZCARD', KEYS[1])
