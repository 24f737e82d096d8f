-- What has to hold in the very step that writes, and what is taken along with it. Behind _chain.lua.
-- When nothing has to hold, nothing of this is passed.
--
-- KEYS from k on, only those that are needed:
--   memory:<space>:<key>           string  what must not be remembered
--   freezes                        hash  id -> text (signoff.model.orders)
--   freezes|grants|delegations     hash  the same; where an order is swapped
--   spent:<budget>                 zset  "<request id>:<amount>" by the time (ms) of the spending, and "sum" by the
--                                        negative of the amounts' sum, so that it stands before all times. One key,
--                                        so that entries and sum end together. Whole numbers up to 2^53
-- ARGV from a on:
--   1: something must not be remembered  ·  how many freezes  ·  1: a swap  ·  1: a spending
--   the freezes' ids
--   of a swap: id  ·  the text that stands  ·  the text that is to stand. '=' and the text, or empty for none
--   of a spending: the window in ms  ·  amount  ·  calls and sum that fit into the window, or empty

local function stands(orders, id, text)
  local found = redis.call('HGET', orders, id)
  return (found and '=' .. found or '') == text
end

local function put(orders, id, text)
  if text == '' then
    redis.call('HDEL', orders, id)
  else
    redis.call('HSET', orders, id, string.sub(text, 2))
  end
end

local function spend(now, spent, id, a)
  local amount, calls, limit = tonumber(ARGV[a + 1]), tonumber(ARGV[a + 2]), tonumber(ARGV[a + 3])
  local sum = -(tonumber(redis.call('ZSCORE', spent, 'sum') or 0))
  local lapsed = whole(now - ARGV[a])
  local entries = redis.call('ZRANGEBYSCORE', spent, '(0', lapsed)
  if #entries > 0 then
    for _, entry in ipairs(entries) do
      sum = sum - tonumber(string.match(entry, '%d+$'))
    end
    redis.call('ZREMRANGEBYSCORE', spent, '(0', lapsed)
    redis.call('ZADD', spent, whole(-sum), 'sum')
  end
  local count = math.max(redis.call('ZCARD', spent) - 1, 0)
  -- A difference, because a sum might be more than a double holds exactly.
  if (calls and count >= calls) or (limit and amount > limit - sum) then
    return false
  end
  redis.call('ZADD', spent, whole(now), id .. ':' .. ARGV[a + 1], whole(-sum - amount), 'sum')
  redis.call('PEXPIRE', spent, ARGV[a])
  return true
end

-- Asked last, because with the last condition all is taken.
-- Answers nothing, or {'remembered'}, {'frozen', the freeze's text}, {'overtaken'} or {'spent'}; then nothing was taken.
local function refusal(now, k, a)
  local absent, freezes, swaps, spends = ARGV[a] == '1', tonumber(ARGV[a + 1]), ARGV[a + 2] == '1', ARGV[a + 3] == '1'
  a = a + 4
  if absent then
    if redis.call('EXISTS', KEYS[k]) == 1 then
      return {'remembered'}
    end
    k = k + 1
  end
  if freezes > 0 then
    for _, text in ipairs(redis.call('HMGET', KEYS[k], unpack(ARGV, a, a + freezes - 1))) do
      if text then
        return {'frozen', text}
      end
    end
    k, a = k + 1, a + freezes
  end
  local orders, order = KEYS[k], a
  if swaps then
    if not stands(orders, ARGV[a], ARGV[a + 1]) then
      return {'overtaken'}
    end
    k, a = k + 1, a + 3
  end
  if spends and not spend(now, KEYS[k], ARGV[1], a) then
    return {'spent'}
  end
  if swaps then
    put(orders, ARGV[order], ARGV[order + 2])
  end
end
