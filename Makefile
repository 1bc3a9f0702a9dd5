# SPDX-License-Identifier: ISC
# The front door. What is behind it: meson.build (host side), scripts/, `ampoule build` (images), tests/run.
B ?= build

.PHONY: build deps demo test bench install clean format
build:			# build/ampoule and build/apps/NAME.amp
	@scripts/deps build
	@scripts/build $(B)
deps:			# everything that any target needs
	@scripts/deps bench
demo:
	@scripts/deps demo
	@scripts/build $(B)
	@scripts/demo $(B)
test:			# make test SUITE="unit net" runs only these
	@scripts/deps test
	@scripts/build $(B)
	@tests/run $(B) $(SUITE)
bench:			# make bench BENCH="boot dns" runs only these
	@scripts/deps bench
	@scripts/build $(B)
	@bench/run $(B) $(BENCH)
install: build
	@meson install -C $(B) --no-rebuild
format:
	@git ls-files '*.c' '*.h' | xargs clang-format-19 -i
clean:
	rm -rf $(B)
