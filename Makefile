# tocsin. On a fresh Debian 12 machine with a Swift toolchain, `make run` and `make test` do everything,
# system packages included.

PREFIX ?= /usr
SYSCONFDIR ?= /etc
DESTDIR ?=

# What the build links, and what only the tests drive.
BUILD_PACKAGES := pkg-config libsystemd-dev libbpf-dev libelf-dev zlib1g-dev libyaml-dev libre2-dev
TEST_PACKAGES := varlink-go python3-pip netcat-openbsd systemd systemd-sysv util-linux procps

# What `make bench` compares with.
BENCH_PACKAGES := bpftrace forkstat extrace linux-libc-dev
BENCH_FLAGS ?=

CLANG ?= $(or $(wildcard $(dir $(shell command -v swift))clang),clang)

RELEASE := .build/release
PYTHON_PACKAGES := .build/python
SWIFT_BUILD := swift build --configuration release --static-swift-stdlib

.PHONY: build run test soak sanitize sanitize-thread sanitize-address install uninstall format format-check bench bench-tools \
	clean setup setup-bench setup-test

build: setup
	$(SWIFT_BUILD) --product tocsind
	$(SWIFT_BUILD) --product tocsin

# The daemon in the foreground on a private socket, and a subscriber that prints. Ctrl-C reaches both; the daemon is
# waited for, so that it answers every waiting read before the socket goes away.
run: build
	@directory=$$(mktemp -d) && socket=$$directory/tocsin.sock; \
	$(RELEASE)/tocsind --socket $$socket $(TOCSIND_FLAGS) & daemon=$$!; \
	trap : INT TERM; trap 'kill $$daemon 2>/dev/null; wait $$daemon; rm -rf $$directory' EXIT; \
	until [ -S $$socket ]; do kill -0 $$daemon 2>/dev/null || exit 1; sleep 0.1; done; \
	$(RELEASE)/tocsin subscribe --socket $$socket || [ $$? = 130 ]

# A red run ends with what failed, which is thousands of lines above by then. All of the output is in .build/test.log.
test: setup-test build
	swift build --build-tests
	@{ PYTHONPATH=$(abspath $(PYTHON_PACKAGES)) swift test --skip-build --no-parallel; \
		echo $$? >.build/test.status; } 2>&1 | tee .build/test.log; \
	status=$$(cat .build/test.status); [ $$status = 0 ] || grep -e '✘ .*recorded an issue' -e '↳ [^TS]' .build/test.log; \
	exit $$status

# The same tests under ThreadSanitizer and AddressSanitizer, each in a build of its own. Neither sees what the kernel does
# with memory that it shares: of the probes' ring and the log's file they check this side only.
sanitize: sanitize-thread sanitize-address

define test_under_sanitizer
	@mkdir -p $(2)
	$(CLANG) -O2 -Wall -Wextra -c Tests/Support/sanitize/$(1).c -o $(2)/sanitize.o
	swift build --build-tests --sanitize=$(1) --scratch-path $(2) -Xlinker $(abspath $(2)/sanitize.o)
	PYTHONPATH=$(abspath $(PYTHON_PACKAGES)) \
		swift test --skip-build --no-parallel --sanitize=$(1) --scratch-path $(2)
endef

sanitize-thread: setup-test
	$(call test_under_sanitizer,thread,.build-tsan)

sanitize-address: setup-test
	$(call test_under_sanitizer,address,.build-asan)

# The daemon of the release build under load and faults, for some minutes: one line for each scenario. It steps the clock
# of the machine, as root. All of the output is in .build/soak.log; TOCSIN_SOAK_SEED= repeats malformed input.
soak: setup-test build
	swift build --build-tests
	@{ TOCSIN_SOAK=1 TOCSIND=$(abspath $(RELEASE))/tocsind swift test --skip-build --no-parallel --filter TocsinSoakTests; \
		echo $$? >.build/soak.status; } 2>&1 | tee .build/soak.log | grep --line-buffered -e '^soak: ' -e '✘' -e '↳ [^TS]' -e 'skipped'; \
	exit $$(cat .build/soak.status)

# Installs only what is missing, so that a prepared machine needs neither root nor network.
define install_packages
	@missing=; for package in $(1); do \
		dpkg-query -W -f '$${db:Status-Abbrev}' $$package 2>/dev/null | grep -q '^ii' || missing="$$missing $$package"; \
	done; \
	[ -z "$$missing" ] || { \
		if [ "$$(id -u)" = 0 ]; then as_root=; elif command -v sudo >/dev/null; then as_root=sudo; \
		else echo "missing packages; as root: apt-get install$$missing" >&2; exit 1; fi; \
		$$as_root apt-get update -q && \
		$$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $$missing; }
endef

setup:
	$(call install_packages,$(BUILD_PACKAGES))

setup-test:
	$(call install_packages,$(BUILD_PACKAGES) $(TEST_PACKAGES))
	@[ -d $(PYTHON_PACKAGES)/varlink ] || \
		python3 -m pip install --quiet --disable-pip-version-check --target $(PYTHON_PACKAGES) varlink==31.0.0

setup-bench: setup-test
	$(call install_packages,$(BENCH_PACKAGES))

# Measures, and never fails for what it measures. BENCH_FLAGS="capture idle" measures less; --help tells more.
bench: setup-bench build bench-tools
	python3 Benchmarks/driver $(BENCH_FLAGS)

BENCH := .build/bench
BENCH_TOOLS := $(addprefix $(BENCH)/,storm collect client server execs target execs.bpf.o)

bench-tools: $(BENCH_TOOLS)

$(BENCH)/execs: private LDLIBS := -lbpf
$(BENCH)/execs $(BENCH)/execs.bpf.o: Benchmarks/limit/execs.h

$(BENCH)/%: Benchmarks/load/%.c
	@mkdir -p $(@D)
	$(CLANG) -O2 -Wall -Wextra $< -o $@

$(BENCH)/%: Benchmarks/limit/%.c
	@mkdir -p $(@D)
	$(CLANG) -O2 -Wall -Wextra $< -o $@ $(LDLIBS)

$(BENCH)/target: Benchmarks/load/target.c
	@mkdir -p $(@D)
	$(CLANG) -O2 -Wall -Wextra -static -nostdlib -ffreestanding $< -o $@

$(BENCH)/%.bpf.o: Benchmarks/limit/%.bpf.c
	@mkdir -p $(@D)
	$(CLANG) -target bpf -mcpu=v2 -O2 -g -Wall -Wextra -I/usr/include/$(shell uname -m)-linux-gnu -c $< -o $@

install:
	install -D -m 0755 $(RELEASE)/tocsind $(DESTDIR)$(PREFIX)/bin/tocsind
	install -D -m 0755 $(RELEASE)/tocsin $(DESTDIR)$(PREFIX)/bin/tocsin
	install -D -m 0644 systemd/tocsin.service $(DESTDIR)$(PREFIX)/lib/systemd/system/tocsin.service
	install -D -m 0644 systemd/tocsin.socket $(DESTDIR)$(PREFIX)/lib/systemd/system/tocsin.socket
	install -D -m 0644 systemd/sysusers.d/tocsin.conf $(DESTDIR)$(PREFIX)/lib/sysusers.d/tocsin.conf
	install -D -m 0644 systemd/tocsin.catalog $(DESTDIR)$(PREFIX)/lib/systemd/catalog/tocsin.catalog
	[ -e $(DESTDIR)$(SYSCONFDIR)/tocsin/tocsin.yaml ] || \
		install -D -m 0644 config/tocsin.yaml $(DESTDIR)$(SYSCONFDIR)/tocsin/tocsin.yaml
	install -d -m 0755 $(DESTDIR)$(SYSCONFDIR)/tocsin/rules
	@for rule in config/rules/*.yml; do \
		installed=$(DESTDIR)$(SYSCONFDIR)/tocsin/rules/$${rule##*/}; \
		if [ ! -e $$installed ]; then install -m 0644 $$rule $$installed; \
		elif ! cmp -s $$rule $$installed; then echo "kept: $$installed differs from $$rule"; fi; \
	done

# Configuration stays: it may be the administrator's.
uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/tocsind $(DESTDIR)$(PREFIX)/bin/tocsin
	rm -f $(DESTDIR)$(PREFIX)/lib/systemd/system/tocsin.service $(DESTDIR)$(PREFIX)/lib/systemd/system/tocsin.socket
	rm -f $(DESTDIR)$(PREFIX)/lib/sysusers.d/tocsin.conf $(DESTDIR)$(PREFIX)/lib/systemd/catalog/tocsin.catalog

format:
	swift format --in-place --recursive Sources Tests Examples Benchmarks/Benchmarks Benchmarks/Package.swift $(wildcard Plugins) Package.swift

format-check:
	swift format lint --strict --recursive Sources Tests Examples Benchmarks/Benchmarks Benchmarks/Package.swift $(wildcard Plugins) Package.swift

clean:
	rm -rf .build .build-asan .build-tsan Benchmarks/.build
