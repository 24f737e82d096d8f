-- The front of several buckets, merged: one risk after the other, each in order.
-- KEYS      queue:<bucket> of the first risk, then of the next…, see _queue.lua
-- ARGV[1]   how many   [2] the member behind which the first risk begins, or empty
-- ARGV[3..] how many of the keys are of each risk
-- Answers for each risk what was taken of it.
--
-- Reads little more than it answers, however many buckets there are and however full: a bite of each, and another one
-- only where the first is used up.

local wanted, start = tonumber(ARGV[1]), ARGV[2] == '' and '-' or '(' .. ARGV[2]

local function aimed(bucket, at)
  bucket.at, bucket.head = at, bucket.found[at]
  bucket.deadline = bucket.head and tonumber(string.sub(bucket.head, 1, 13))
  return bucket.head
end

local function bitten(bucket)
  bucket.found = redis.call('ZRANGEBYLEX', bucket.key, bucket.start, '+', 'LIMIT', 0, bucket.bite)
  return aimed(bucket, 1)
end

local function step(bucket)
  if bucket.at == bucket.bite then
    bucket.start, bucket.bite = '(' .. bucket.head, bucket.bite * 2
    return bitten(bucket)
  end
  return aimed(bucket, bucket.at + 1)
end

-- Byte by byte where deadlines are the same, as Redis orders them: Lua itself compares texts by the server's locale.
local function before(one, other)
  if one.deadline ~= other.deadline then
    return one.deadline < other.deadline
  end
  local a, b = one.head, other.head
  for i = 14, math.min(#a, #b) do
    local x, y = string.byte(a, i), string.byte(b, i)
    if x ~= y then
      return x < y
    end
  end
  return #a < #b
end

-- A heap: no bucket's head lies behind the heads of the two below it.
local function sink(heap)
  local i, size, top = 1, #heap, heap[1]
  while 2 * i <= size do
    local child = 2 * i
    if child < size and before(heap[child + 1], heap[child]) then
      child = child + 1
    end
    if before(top, heap[child]) then
      break
    end
    heap[i] = heap[child]
    i = child
  end
  heap[i] = top
end

local function merged(from, to)
  local heap, taken = {}, {}
  local bite = math.max(math.ceil(wanted / (to - from + 1)), 1)
  for i = from, to do
    local bucket = {key = KEYS[i], start = start, bite = bite}
    if bitten(bucket) then
      heap[#heap + 1] = bucket
    end
  end
  table.sort(heap, before)
  while wanted > 0 and #heap > 0 do
    taken[#taken + 1] = heap[1].head
    wanted = wanted - 1
    if not step(heap[1]) then
      heap[1] = heap[#heap]
      heap[#heap] = nil
    end
    if #heap > 1 then
      sink(heap)
    end
  end
  return taken
end

local answer, from = {}, 1
for i = 3, #ARGV do
  if wanted == 0 then
    break
  end
  answer[#answer + 1] = merged(from, from + ARGV[i] - 1)
  from, start = from + ARGV[i], '-'
end
return answer
