local greet = {}
function greet.name(who) return string.format("Hello, %s! %.3f", who, math.sqrt(2)) end
return greet
