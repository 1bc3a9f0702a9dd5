# SPDX-License-Identifier: ISC
# The front door. What is behind it: meson.build (host side), scripts/, `ampoule build` (images), tests/run.
B ?= build
PREFIX ?= /usr/local

.PHONY: build deps demo test prove bench install uninstall deb clean format
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
prove:			# no run-time errors in the decoders, by Frama-C
	@scripts/deps prove
	@mkdir -p $(B)
	@tests/prove/run $(B) --all
bench:			# make bench BENCH="boot dns" runs only these
	@scripts/deps bench
	@scripts/build $(B)
	@bench/run $(B) $(BENCH)
install:		# make install PREFIX=/usr DESTDIR=/tmp/root; the default is /usr/local
	@scripts/deps build
	@PREFIX='$(PREFIX)' DESTDIR='$(DESTDIR)' scripts/install $(B)
uninstall:		# with the same PREFIX and DESTDIR
	@PREFIX='$(PREFIX)' DESTDIR='$(DESTDIR)' scripts/install --remove
deb:			# build/ampoule_VERSION_ARCHITECTURE.deb
	@scripts/deps deb
	@scripts/deb $(B)
format:
	@git ls-files '*.c' '*.h' | xargs clang-format-19 -i
clean:
	rm -rf $(B)
