local words, count = {}, 0
for line in io.lines("/etc/passwd") do
  for word in line:gmatch("[^:]+") do words[word] = (words[word] or 0) + 1; count = count + 1 end
end
local keys = {}
for word in pairs(words) do keys[#keys + 1] = word end
table.sort(keys)
print(count, #keys, keys[1], keys[#keys])
print(string.format("%.6f", math.sin(1)), os.getenv("LANG"), os.date("!%Y", 0))
local file = assert(io.open("out.txt", "w"))
file:write("from lua\n")
file:close()
print(io.open("out.txt"):read("a"), select(2, io.open("/absent")))
