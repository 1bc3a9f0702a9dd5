/* SPDX-License-Identifier: ISC */
/* HTTP answered by a Lua script that is compiled in: answer(METHOD, PATH, BODY) of site.lua gives a status and a text. */
#include <app/http/http.h>
#include <core/clock.h>
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdio.h>

static void answer(struct http_exchange *x, void *context)
{
	const struct http_text method = http_method(x), path = http_path(x);
	char body[2048];
	int64_t n, size = 0;
	lua_State *l = context;

	while (size < (int64_t)sizeof body &&
	       (n = http_read(x, body + size, (uint32_t)(sizeof body - (size_t)size),
	                      CLOCK_NEVER)) > 0)
		size += n;
	lua_getglobal(l, "answer");
	lua_pushlstring(l, method.bytes, method.size);
	lua_pushlstring(l, path.bytes, path.size);
	lua_pushlstring(l, body, (size_t)size);
	if (lua_pcall(l, 3, 2, 0) == LUA_OK)
		http_reply_text(x, (uint32_t)lua_tointeger(l, -2), lua_tostring(l, -1));
	else
		http_reply_text(x, 500, lua_tostring(l, -1));
	lua_settop(l, 0);
}

int main(void)
{
	struct http_server *s;
	lua_State *l = luaL_newstate();

	luaL_openlibs(l);
	if (luaL_dofile(l, "site.lua") != LUA_OK) {
		printf("%s\n", lua_tostring(l, -1));
		return 1;
	}
	return http_serve(&s, NULL) || http_route_task(s, NULL, "/*rest", answer, l) || http_run(s);
}
