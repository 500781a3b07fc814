SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory --no-builtin-rules
# What `npm ci` and `make` install is used from here, and nothing is fetched by `npx`.
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)

SOURCES := $(shell find src -name '*.ts')
NATIVE_SOURCES := $(wildcard native/*.cc native/*.h native/binding.gyp)
ADDON := native/build/Release/vpatch.node
INSTALLED := node_modules/.package-lock.json

# Which tests `make test` runs: all, or `make test ONLY=test/flow`.
ONLY ?=
# How many times the usual number of random cases `make fuzz` tries.
FUZZ_RUNS ?= 50
# Where `make install` puts what was built.
DESTDIR ?=
PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
# The always-on checks during `make conformance`. Reference engines have none that drop.
CHECKS ?= report
# Rules of your own for the benchmarks: a file, a folder, or a pattern.
RULES ?=
# A capture file for `make bench-replay`, instead of traffic that is made up.
CAPTURE ?=
# How long `make soak` goes on.
MINUTES ?= 60

.PHONY: help setup build test demo bench bench-held bench-replay bench-curves bench-docs soak prove fuzz check lint types sanitizers docs conformance install deb clean

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: ## Install what is missing on Debian or Ubuntu, and the npm packages of the lock file
	@.ci/setup

build: $(ADDON) dist/.built ## Compile the native addon and the TypeScript sources, where they changed
	@true

$(INSTALLED): package-lock.json
	@.ci/setup

$(ADDON): $(NATIVE_SOURCES) | $(INSTALLED)
	@. .ci/node-headers; node-gyp rebuild -C native --loglevel=warn
	@touch $@

dist/.built: $(SOURCES) package.json tsconfig.json tsconfig.build.json .ci/bundle.js | $(INSTALLED)
	@mkdir -p dist
	@find dist -mindepth 1 -maxdepth 1 ! -name tools -exec rm -rf {} +
	tsc -p tsconfig.build.json
	@node .ci/bundle.js
	@touch $@

test: ## Set up, build and run all tests; the last line counts them. ONLY=test/flow runs a part
	@.ci/setup
	@$(MAKE) build
	@vitest run $(ONLY)

demo: ## An attack on a vulnerable service, without and with vpatch (needs root; leaves nothing behind)
	@.ci/setup
	@$(MAKE) build dist/tools/.built
	@node dist/tools/test/demo/main.js

bench: ## What inspection costs here, beside no IPS and Suricata: ARGS=--quick, RULES=PLACE for own rules (root; minutes)
	@.ci/setup
	@$(MAKE) build dist/tools/.built
	@node dist/tools/test/bench/main.js --rules '$(RULES)' $(ARGS)

bench-held: ## Memory with 200,000 connections held open, or ARGS='--connections N'; RULES=PLACE (root; some minutes)
	@$(MAKE) bench ARGS='--rounds 1 --loads held --json .bench/held.json --plots .bench/held $(ARGS)'

bench-replay: ## Time by stage of the pipeline, and where it goes; RULES=PLACE, CAPTURE=FILE for your own
	@$(MAKE) build dist/tools/.built
	@node dist/tools/test/bench/replay.js --rules '$(RULES)' $(ARGS) $(CAPTURE)

bench-curves: ## What a packet costs as rules, open connections and its own size grow, as tables and plots
	@$(MAKE) build dist/tools/.built
	@node dist/tools/test/bench/curves.js $(ARGS)

bench-docs: ## Put tables and plots of the benchmarks that were run here into docs/performance.md
	@$(MAKE) build dist/tools/.built
	@node dist/tools/test/bench/fill-page.js

soak: ## A service under requests, attacks, floods and reloads for MINUTES (60), within 512 MiB (needs root)
	@.ci/setup
	@$(MAKE) build dist/tools/.built
	@node dist/tools/test/soak/main.js --minutes '$(MINUTES)' $(ARGS)

prove: ## The scan on real installations of Debian, and every transcript inline in all ways (root, a network, minutes)
	@.ci/setup
	@$(MAKE) build dist/tools/.built
	@node dist/tools/test/prove/scan.js $(ARGS)
	@PROVE=1 vitest run test/inline/patches.test.ts

dist/tools/.built: $(SOURCES) $(shell find test/demo test/bench test/soak test/prove test/conformance test/support -name '*.ts' 2>/dev/null) tsconfig.tools.json
	tsc -p tsconfig.tools.json
	@touch $@

fuzz: build ## The randomised tests with FUZZ_RUNS (50) times as many cases, and the long ones at full length
	@FUZZ_RUNS=$(FUZZ_RUNS) vitest run $$(grep -rlE "fuzzRuns|isLong|from 'fast-check'" test --include='*.test.ts')

check: lint types sanitizers ## Format, lint, types, memory errors in the native code, a short fuzz run
	@$(MAKE) fuzz FUZZ_RUNS=3

lint: $(INSTALLED)
	biome check .

types: $(INSTALLED)
	tsc -p tsconfig.json --noEmit

sanitizers: $(INSTALLED)
	native/check-sanitizers.sh

docs: $(ADDON) ## Write the pages that are made from the source: docs/commands.md, docs/checks.md, docs/protocols.md, docs/keywords.md, docs/catalogue.md
	@vitest run test/cli/program.test.ts test/config/checks-page.test.ts test/app/protocols-page.test.ts test/rules/keywords-page.test.ts test/patches/catalogue-page.test.ts -u

conformance: ## Agreement with recorded results: CORPUS=FOLDER with its checker beside it, ARGS for the checker
	@test -n '$(CORPUS)' || { echo 'conformance: give the folder of cases: make conformance CORPUS=DIR'; exit 2; }
	@$(MAKE) build dist/tools/.built
	@.ci/conformance '$(CORPUS)' '$(CHECKS)' $(ARGS)

install: build ## Copy what was built to PREFIX (/usr/local) and SYSCONFDIR (/etc), below DESTDIR
	@DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' SYSCONFDIR='$(SYSCONFDIR)' .packaging/install

deb: build ## A Debian package in dist/
	@.packaging/deb

clean: ## Remove what was built; node_modules stays
	rm -rf dist native/build
