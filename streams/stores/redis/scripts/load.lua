-- States and layout bodies of visitors, in the order of their keys.
-- KEYS: a state key for each and, when bodies are wanted, a layout key behind it.
-- ARGV: keys of a visitor (1 or 2), longest state, longest body (bytes).
-- Answers the error in place of a value whose key is of another type. A longer state is cut behind one byte too many.
local each, state_max, body_max = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local found = {}
for at = 1, #KEYS, each do
  local state = redis.pcall('GET', KEYS[at])
  if state and #state > state_max then
    state = string.sub(state, 1, state_max + 1)
  end
  found[at] = state
  if each == 2 then
    local body = redis.pcall('HGET', KEYS[at + 1], 'b')
    if body and #body > body_max then
      body = false
    end
    found[at + 1] = body
  end
end
return found
