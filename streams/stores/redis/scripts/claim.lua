-- Claim a partition. KEYS: own. ARGV: nonce, owner, Kafka generation, incarnation, patience (s).
-- Answers {'OK', epoch, done} (done -1: nothing done yet) or {'FENCED'}.
local own = redis.call('HMGET', KEYS[1], 'e', 'g', 'i', 'at', 'done')
local now = tonumber(redis.call('TIME')[1])
local counter = 0
if own[1] then
  local held = string.match(own[1], '^%d+')
  -- The same nonce is this very claim, tried again after its answer was lost.
  if string.sub(own[1], #held + 2) == ARGV[1] then
    return {'OK', own[1], tonumber(own[5] or '-1')}
  end
  -- A late claim: Kafka has moved on. After the patience a group that began to count anew may claim.
  if own[3] == ARGV[4] and tonumber(own[2]) > tonumber(ARGV[3]) and now - tonumber(own[4]) < tonumber(ARGV[5]) then
    return {'FENCED'}
  end
  counter = tonumber(held)
end
-- Offsets of another incarnation of the topic say nothing about this one.
if own[1] and own[3] ~= ARGV[4] then
  redis.call('HDEL', KEYS[1], 'done', 'fresh')
  own[5] = false
end
if not own[5] then
  redis.call('HDEL', KEYS[1], 'fresh') -- what was reported once of offsets that are forgotten
end
local epoch = string.format('%d:%s', counter + 1, ARGV[1])
redis.call('HSET', KEYS[1], 'e', epoch, 'g', ARGV[3], 'i', ARGV[4], 'at', now, 'w', ARGV[2], 'part', 0)
return {'OK', epoch, tonumber(own[5] or '-1')}
