-- Write one slice of a chunk, or nothing at all. The first part decides, the second writes.
-- KEYS: own, then a state key and a layout key for each visitor, then keys of windows.
-- ARGV: epoch, done expected, part expected, done, part, state TTL, layout TTL, channel, notice ('' for none),
--       done and part after the last of the slices that were sent together, number of visitors, window TTL,
--       then for each visitor: state, action, head, body ('' where the action needs none),
--       then for each window: how many bytes of it are kept, what follows them (nothing at all deletes it).
-- Actions: w writes head and body, h the head alone, d drops the layout, k keeps it.
-- Answers {'OK' | 'FENCED' | 'REGRESSED', done, part} (-1 for no done).
local function is_before(done, part, other_done, other_part)
  return done < other_done or (done == other_done and part < other_part)
end

local own = redis.call('HMGET', KEYS[1], 'e', 'done', 'part')
local done, part = tonumber(own[2] or '-1'), tonumber(own[3] or '0')
if not own[1] then
  return {'REGRESSED', -1, 0}
end
if own[1] ~= ARGV[1] then
  -- An older counter than ours cannot be a successor's: Redis went back to before our claim.
  if tonumber(string.match(own[1], '^%d+')) < tonumber(string.match(ARGV[1], '^%d+')) then
    return {'REGRESSED', done, part}
  end
  return {'FENCED', done, part}
end
local expect_done, expect_part = tonumber(ARGV[2]), tonumber(ARGV[3])
if done ~= expect_done or part ~= expect_part then
  if is_before(done, part, expect_done, expect_part) then
    return {'REGRESSED', done, part}
  end
  if not is_before(done, part, tonumber(ARGV[4]), tonumber(ARGV[5]))
    and not is_before(tonumber(ARGV[10]), tonumber(ARGV[11]), done, part) then
    return {'OK', done, part} -- this very write, tried again after its answer was lost, with those after it
  end
  return {'FENCED', done, part} -- a write of long ago, carried out late
end

local windows = 2 * tonumber(ARGV[12]) + 2
for at = 2, windows - 1, 2 do
  local from = 2 * at + 10
  redis.call('SET', KEYS[at], ARGV[from], 'EX', ARGV[6])
  local action = ARGV[from + 1]
  if action == 'w' then
    local set = redis.pcall('HSET', KEYS[at + 1], 'h', ARGV[from + 2], 'b', ARGV[from + 3])
    if type(set) == 'table' then
      if string.find(set.err, 'WRONGTYPE', 1, true) then
        redis.call('DEL', KEYS[at + 1]) -- none of ours; a layout can be made again
      end
      redis.call('HSET', KEYS[at + 1], 'h', ARGV[from + 2], 'b', ARGV[from + 3])
    end
    redis.call('EXPIRE', KEYS[at + 1], ARGV[7])
  elseif action == 'h' then
    -- A head without its body would be no layout.
    local has_body = redis.pcall('HEXISTS', KEYS[at + 1], 'b')
    if has_body == 1 then
      redis.call('HSET', KEYS[at + 1], 'h', ARGV[from + 2])
      redis.call('EXPIRE', KEYS[at + 1], ARGV[7])
    elseif has_body ~= 0 then
      redis.call('DEL', KEYS[at + 1])
    end
  elseif action == 'd' then
    redis.call('DEL', KEYS[at + 1])
  end
end
for at = windows, #KEYS do
  local from = 2 * at + 10
  local added = ARGV[from + 1]
  if ARGV[from] ~= '0' then
    local length = redis.pcall('STRLEN', KEYS[at])
    if type(length) == 'number' then -- what is of another type the next load sets aside
      redis.call('SETRANGE', KEYS[at], ARGV[from], added)
      if length == 0 then
        redis.call('EXPIRE', KEYS[at], ARGV[13])
      end
    end
  elseif added ~= '' then
    redis.call('SET', KEYS[at], added, 'EX', ARGV[13])
  else
    redis.call('DEL', KEYS[at])
  end
end
if ARGV[4] == '-1' then
  redis.call('HSET', KEYS[1], 'part', ARGV[5])
else
  redis.call('HSET', KEYS[1], 'done', ARGV[4], 'part', ARGV[5])
end
if ARGV[9] ~= '' then
  redis.call('SPUBLISH', ARGV[8], ARGV[9])
end
return {'OK', tonumber(ARGV[4]), tonumber(ARGV[5])}
