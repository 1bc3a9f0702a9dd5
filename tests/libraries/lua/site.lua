package.path = "?.lua"
local greet = require("greet")
local count = 0

function answer(method, path, body)
	count = count + 1
	if path == "/count" then return 200, tostring(count) end
	if path == "/fail" then error("on purpose") end
	if path == "/sort" then
		local words = {}
		for word in body:gmatch("%a+") do words[#words + 1] = word end
		table.sort(words, function(a, b) return a > b end)
		return 200, table.concat(words, " ")
	end
	if path == "/system" then
		return 200, table.concat({tostring(os.execute()), tostring(os.remove("x")), tostring(io.open("/etc/passwd")),
			tostring((io.open("greet.lua"):read("l")))}, " ")
	end
	return 200, greet.name(path:sub(2)) .. "\n"
end
print("ready: " .. _VERSION)
