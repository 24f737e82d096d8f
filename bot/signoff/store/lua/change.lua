-- Replaces one standing order, if it still is what the caller saw, and leaves an audit line.
-- KEYS[1] freezes|grants|delegations  hash    id -> text (signoff.model.orders)
-- KEYS[2] made:<writer>               string  there for a minute after this very call has been done
-- KEYS[3] chain   [4] audit           see _chain.lua
-- ARGV[1] id  [2] the text that stands  [3] the text that is to stand: '=' and the text, or empty for none
-- ARGV[4] audit body  [5] its SHA-256
-- Answers 1, or 0 when nothing was written.

if redis.call('EXISTS', KEYS[2]) == 1 then
  return 1
end
if not stands(KEYS[1], ARGV[1], ARGV[2]) then
  return 0
end
put(KEYS[1], ARGV[1], ARGV[3])
chain(clock(), KEYS[3], KEYS[4], ARGV[4], ARGV[5])
redis.call('SET', KEYS[2], '', 'PX', 60000)
return 1
