# SPDX-License-Identifier: ISC
# The front door. Everything real is in meson.build, scripts/ and `ampoule build` itself.
B ?= build

.PHONY: deps build demo test bench install clean format
build: deps
	@scripts/build $(B)
deps:
	@scripts/deps build
demo: build
	@scripts/demo $(B)
test: build
	@scripts/deps test
	@tests/run $(B)
bench: build
	@scripts/deps bench
	@bench/run $(B) $(BENCH)
install: build
	@meson install -C $(B) --no-rebuild
format:
	@git ls-files '*.c' '*.h' | xargs clang-format-19 -i
clean:
	rm -rf $(B)
