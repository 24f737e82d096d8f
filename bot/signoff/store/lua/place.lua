-- Records where a card is, for the worker that holds the request.
-- KEYS[1] leases      hash  card, short -> token
-- KEYS[2] cards:<id>  hash  place -> placement as JSON
-- ARGV[1] the card, short  [2] token  [3] place  [4] placement
-- Answers 1, or 0 when another worker holds the request.

if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then
  return 0
end
redis.call('HSET', KEYS[2], ARGV[3], ARGV[4])
return 1
