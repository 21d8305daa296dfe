# The two main commands, on a fresh Debian or Ubuntu with Rust: `make demo` and `make test`.
#
#   make demo     run the detector on the bundled capture with the default rules, then, as root, a few
#                 seconds on this host
#   make test     run everything that CI runs
#   make bench    measure the cost of a run, with Falco's figures beside it, and instructions per layer; with BASE=COMMIT,
#                 compare the build of that commit with this one, in pairs of runs
#   make bench-response    measure the time from an event to the signal of a response, as root, quiet and beside 300,000
#                 events a second (not part of `make test`)
#   make oracle-correlation    compare correlations with two other engines on 2,000 generated streams each; installs them
#   make tables   compare Parquet exports with the captures by PyArrow, and run the recipes of docs/tables.md in DuckDB, pandas
#                 and Polars; installs them (not part of `make test`)
#   make sql      check and test `pscap sql`, which needs DataFusion (not part of `make test`)
#   make ballista compare `pscap sql --ballista`, on a scheduler and two executors on this machine, with one process (not part
#                 of `make test`)
#   make kernel-matrix    run the tests of the probe on Debian's kernels 5.10, 6.1 and 6.12, in QEMU (not part of `make test`)
#   make sanitize run the tests of the probe's loader with AddressSanitizer and LeakSanitizer (nightly toolchain)
#   make plugin-sanitizers    run the tests of plugins with AddressSanitizer and under valgrind (not part of `make test`)
#   make package-check  check combinations of features; package every library as for publication, and run its tests
#                 from the package
#   make planted  run the detector for 25 minutes under a mixed load, with 1,500 planted events: each must be one alert
#   make peers    check the detector against programs that it works with, where they are installed (not part of `make test`)
#   make findings    reproduce surprising behaviour of kernels and servers (not part of `make test`)
#   make quick    run the tests of the crates that require neither clang nor root
#   make install  install programs, rules, configuration, unit, manual pages and completions: PREFIX, SYSCONFDIR, DESTDIR
#   make deb      build a Debian package in target/debian with cargo-deb, and check it

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help

CARGO ?= cargo
SYSTEM_PACKAGES := clang libelf-dev zlib1g-dev pkg-config

.PHONY: help
help:
	@sed -n 's/^#   //p' $(firstword $(MAKEFILE_LIST))

# Installs missing packages, or prints which to install.
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
	@$(CARGO) build --profile demo --quiet --package peregrine-examples --bin peregrine --no-default-features --features live
	examples/demo "$${CARGO_TARGET_DIR:-target}/demo/peregrine"

.PHONY: quick
quick:
	@$(CARGO) test

.PHONY: bench
bench: setup
	@command -v valgrind >/dev/null || { echo "please install valgrind, which counts instructions" >&2; exit 1; }
	$(CARGO) xtask bench
	[ -n "$${BASE:-}" ] || $(CARGO) xtask instructions

ROUNDS ?= 1000
.PHONY: bench-response
bench-response: setup
	@$(CARGO) build --release --quiet --package peregrine-examples --bin peregrine
	@$(CARGO) build --release --quiet --package peregrine-benches --bin response_latency
	target=$${CARGO_TARGET_DIR:-target}/release
	for rate in 0 300000; do
		$$target/response_latency $$target/peregrine $(ROUNDS) $$rate
	done

# The tests of the C API run under valgrind and AddressSanitizer with its other tests: bindings-c/tests/memory.rs.
SANITIZED := x86_64-unknown-linux-gnu
.PHONY: sanitize
sanitize: setup
	@$(CARGO) +nightly --version >/dev/null 2>&1 || { echo "please install a nightly toolchain: rustup toolchain install nightly" >&2; exit 1; }
	RUSTFLAGS=-Zsanitizer=address $(CARGO) +nightly test --no-fail-fast --package peregrine-bpf --lib --tests \
		--target $(SANITIZED) --target-dir target/sanitize

.PHONY: plugin-sanitizers
plugin-sanitizers:
	@command -v valgrind >/dev/null || { echo "please install valgrind" >&2; exit 1; }
	plugin-host/tests/sanitize

# Other engines as oracles of correlations, pinned; `make test` uses a sample of their results.
ORACLES := $(abspath target/oracle-correlation)
.PHONY: oracle-correlation
oracle-correlation:
	@mkdir -p $(ORACLES)/made
	[ -x $(ORACLES)/venv/bin/python ] || python3 -m venv $(ORACLES)/venv
	$(ORACLES)/venv/bin/pip install --quiet eql==0.9.19 lark-parser==0.12.0
	$(ORACLES)/venv/bin/python rule-engine/tests/oracle-correlation/sequences.py 2000 > $(ORACLES)/made/sequences.jsonl
	$(CARGO) run --quiet --locked --ignore-rust-version --target-dir $(ORACLES)/target \
		--manifest-path rule-engine/tests/oracle-correlation/windows/Cargo.toml -- 2000 > $(ORACLES)/made/windows.jsonl
	PEREGRINE_CORRELATION_ORACLE=$(ORACLES)/made $(CARGO) test --package peregrine-rule-engine --test correlation oracle

# Engines that read the tables, pinned. PySpark is used if it is there: it has 400 MB.
TABLES := $(abspath target/tables)
.PHONY: tables
tables: setup
	@mkdir -p $(TABLES)
	[ -x $(TABLES)/venv/bin/python ] || python3 -m venv $(TABLES)/venv
	$(TABLES)/venv/bin/pip install --quiet pyarrow==26.0.1 duckdb==2.0.1 pandas==3.1.1 polars==2.1.0
	$(CARGO) build --release --quiet --package peregrine-examples --bin pscap
	pscap=$${CARGO_TARGET_DIR:-target}/release/pscap
	$(TABLES)/venv/bin/python detector/tables/tests/engines/values.py $$pscap testdata/captures/*.scap
	$(TABLES)/venv/bin/python detector/tables/tests/engines/recipes.py $$pscap docs/tables.md testdata/captures/*.scap

# One selection of packages and features for both: with another one, cargo would build DataFusion again.
SQL := --package peregrine-sql --package peregrine-captures --package peregrine-examples \
	--no-default-features --features peregrine-sql/ballista,peregrine-examples/cluster
SQL_TESTS := --lib --test queries --test sql --test prompt
SQL_CARGO := CARGO_PROFILE_DEV_DEBUG=0 CARGO_PROFILE_DEV_OPT_LEVEL=1 $(CARGO) --config .cargo/sql.toml
.PHONY: sql
sql: setup
	@$(SQL_CARGO) test --quiet $(SQL) $(SQL_TESTS)
	$(SQL_CARGO) test --quiet $(SQL) --doc
	$(SQL_CARGO) clippy --quiet $(SQL) --profile test $(SQL_TESTS) --test ballista -- -D warnings

.PHONY: ballista
ballista: setup
	@$(SQL_CARGO) test --quiet $(SQL) --test ballista

.PHONY: kernel-matrix
kernel-matrix: setup
	@bpf/kernels/matrix

# RULES are loaded beside the rules of the planted events.
RULES ?= detector/daemon/rules/peregrine_rules.yaml
SECONDS_OF_LOAD ?= 1500
.PHONY: planted
planted: setup
	@$(CARGO) build --release --quiet --package peregrine-examples --bin peregrine
	examples/planted --seconds $(SECONDS_OF_LOAD) "$${CARGO_TARGET_DIR:-target}/release/peregrine" $(RULES)

# Programs that Peregrine works with, from their packages, on loopback. One script for each in examples/peers.
.PHONY: peers
peers: setup
	@$(CARGO) build --quiet --package peregrine-examples --bins
	PEREGRINE=$(abspath $(or $(CARGO_TARGET_DIR),target))/debug/peregrine examples/peers/run

.PHONY: findings
findings:
	@changed=0
	for finding in findings/*.sh; do
		status=0
		timeout 60 "$$finding" || status=$$?
		case $$status in
			0) echo "holds    $$finding" ;;
			77) echo "not run  $$finding" ;;
			*) echo "CHANGED  $$finding"; changed=1 ;;
		esac
	done
	exit $$changed

.PHONY: test
test: setup
	@xtask/ci

# Not part of `make test`: builds every library once more, from its package.
.PHONY: package-check
package-check: setup
	@$(CARGO) xtask features
	$(CARGO) xtask package

# Packaging. BUILT is a directory with the two programs; without it they are built.
PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
BUILT ?=
PROGRAMS := $(or $(BUILT),target/dist)
GENERATED ?= target/package
# Where to install is for this file: cargo runs make for libraries, which would install themselves there. (A variable that
# is unexported counts as defined: this follows the defaults.)
MAKEOVERRIDES :=
unexport DESTDIR PREFIX SYSCONFDIR LIBDIR

.PHONY: programs
programs:
	@[ -n "$(BUILT)" ] || $(CARGO) build --quiet --profile dist --package peregrine-examples --bins

# Manual pages and completions, generated by the programs.
.PHONY: package-files
package-files: programs
	@packaging/generate "$(PROGRAMS)" "$(GENERATED)"

.PHONY: install
install: package-files
	@bin="$(DESTDIR)$(PREFIX)/bin"
	share="$(DESTDIR)$(PREFIX)/share"
	etc="$(DESTDIR)$(SYSCONFDIR)/peregrine"
	install -d "$$bin" "$$etc/rules.d"
	install -m 755 "$(PROGRAMS)/peregrine" "$(PROGRAMS)/pscap" "$$bin/"
	install -D -m 644 -t "$$share/man/man1" "$(GENERATED)"/man/*.gz
	install -D -m 644 -t "$$share/bash-completion/completions" "$(GENERATED)"/completions/bash/*
	install -D -m 644 -t "$$share/zsh/site-functions" "$(GENERATED)"/completions/zsh/*
	install -D -m 644 -t "$$share/fish/vendor_completions.d" "$(GENERATED)"/completions/fish/*
	install -D -m 644 -t "$$share/peregrine" packaging/grafana/peregrine.json
	install -m 644 detector/daemon/rules/peregrine_rules.yaml "$$etc/"
	install -m 644 packaging/rules.d/README "$$etc/rules.d/"
	# Files that may have been edited stay as they are.
	for file in falco.yaml peregrine_rules.local.yaml; do
		[ -e "$$etc/$$file" ] || sed 's|/etc/peregrine|$(SYSCONFDIR)/peregrine|' "packaging/$$file" >"$$etc/$$file"
	done
	install -d "$(DESTDIR)$(PREFIX)/lib/systemd/system"
	sed -e 's|/usr/bin/|$(PREFIX)/bin/|' -e 's|/etc/peregrine|$(SYSCONFDIR)/peregrine|' \
		packaging/systemd/peregrine.service >"$(DESTDIR)$(PREFIX)/lib/systemd/system/peregrine.service"

.PHONY: deb
deb: setup package-files
	@command -v cargo-deb >/dev/null || { echo "cargo-deb is missing: cargo install cargo-deb" >&2; exit 1; }
	name=$${DEBFULLNAME:-$$(git config user.name || true)}
	email=$${DEBEMAIL:-$$(git config user.email || true)}
	[ -n "$$name" ] && [ -n "$$email" ] || { echo "please set DEBFULLNAME and DEBEMAIL: they are the package's maintainer" >&2; exit 1; }
	version=$$($(CARGO) pkgid --package peregrine-examples | sed 's/.*[#@]//')
	printf '%s\n' "peregrine ($$version-1) unstable; urgency=medium" "" "  * See changelog.gz for what is new." "" \
		" -- $$name <$$email>  $$(date -R -u -d "@$${SOURCE_DATE_EPOCH:-$$(date +%s)}")" >"$(GENERATED)/changelog.Debian"
	$(CARGO) deb --quiet --package peregrine-examples --profile dist --no-build --maintainer "$$name <$$email>" --output target/debian/
	packaging/debian/check target/debian/peregrine_*.deb
