-- States and layout bodies of visitors. KEYS: a state key and a layout key for each. Answers them in that order.
local found = {}
for at = 1, #KEYS, 2 do
  found[at] = redis.call('GET', KEYS[at])
  found[at + 1] = redis.call('HGET', KEYS[at + 1], 'b')
end
return found
