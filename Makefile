# The two commands that do everything, on a fresh Debian or Ubuntu with Rust: `make demo` and `make test`.
#
#   make demo     the detector on the bundled capture with the default rules, then, given the privilege, a few
#                 seconds of this machine
#   make test     all that CI runs
#   make bench    what a run costs, with Falco's figures beside it; then instructions, layer by layer
#   make quick    what to run while working: the tests of the crates that need neither clang nor root

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help

CARGO ?= cargo
SYSTEM_PACKAGES := clang libelf-dev zlib1g-dev pkg-config

.PHONY: help
help:
	@sed -n 's/^#   //p' $(firstword $(MAKEFILE_LIST))

# Installs what is missing, or says what to install.
.PHONY: setup
setup:
	@command -v $(CARGO) >/dev/null || { echo "Rust is missing: see https://rustup.rs" >&2; exit 1; }
	missing=()
	command -v clang >/dev/null || missing+=(clang)
	command -v pkg-config >/dev/null || missing+=(pkg-config)
	[ -e /usr/include/libelf.h ] || missing+=(libelf-dev)
	[ -e /usr/include/zlib.h ] || missing+=(zlib1g-dev)
	[ $${#missing[@]} -eq 0 ] && exit 0
	command -v apt-get >/dev/null || { echo "please install the equivalents of: $${missing[*]}" >&2; exit 1; }
	as_root=()
	if [ "$$(id -u)" != 0 ]; then
		command -v sudo >/dev/null || { echo "please install, as root: apt-get install $${missing[*]}" >&2; exit 1; }
		as_root=(sudo)
	fi
	echo "installing $${missing[*]}"
	export DEBIAN_FRONTEND=noninteractive
	"$${as_root[@]}" apt-get -qq update && "$${as_root[@]}" apt-get -qq install -y --no-install-recommends "$${missing[@]}"

.PHONY: demo
demo: setup
	@$(CARGO) build --release --quiet --package peregrine-examples --bin peregrine
	examples/demo target/release/peregrine

.PHONY: quick
quick:
	@$(CARGO) test

.PHONY: bench
bench: setup
	@command -v valgrind >/dev/null || { echo "please install valgrind, which counts instructions" >&2; exit 1; }
	$(CARGO) xtask bench
	$(CARGO) xtask instructions

.PHONY: test
test: setup
	@xtask/ci
