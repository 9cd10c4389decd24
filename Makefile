# The one entry to building, installing and testing Tenant Vault: `make help`.
# Everything that is built lies below build/.

# Which PostgreSQL to build for. Evaluated where it is used, because a fresh machine
# gets its PostgreSQL from `make packages`.
PG_CONFIG ?= $(firstword $(wildcard /usr/lib/postgresql/15/bin/pg_config) pg_config)
PG_MAJOR = $(shell $(PG_CONFIG) --version | sed 's/^PostgreSQL \([0-9]*\).*/\1/')
PG_BUILD = build/pg$(PG_MAJOR)
PGXS_MAKE = mkdir -p $(PG_BUILD) && $(SUBMAKE) -C $(PG_BUILD) \
	-f $(CURDIR)/pg_extension/Makefile PG_CONFIG='$(PG_CONFIG)'

# How long all fuzz targets together run: 30 s in `make check`.
FUZZ_SECONDS ?= 30
# What check-pgtap, check-tap and check-faults run: TESTS=tests/tap/001_x.t for one file.
TESTS ?=
# The versions of check-all.
VERSIONS ?= 15 16 17 18

# Every core, unless the caller has said with -j how many. V=1 shows each command.
JOBS := $(shell nproc)
SUBMAKE = $(MAKE) --no-print-directory $(if $(V),,--silent) \
	$(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(JOBS))
STAGED = tests/setup/staged '$(PG_CONFIG)'
SANITIZE_TESTS = SANITIZE=address,undefined

.DEFAULT_GOAL := all
# One target after the other: what is built within each goes in parallel.
.NOTPARALLEL:
.PHONY: help packages tools all build install uninstall check check-all demo demo-shell \
	bench fuzz lint format clean check-unit check-sanitized check-fuzz check-pgtap check-tap \
	check-helper helper-tools s3-tools check-docker check-production production-tools asan-fetcher

help: ## list these targets
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' Makefile | awk -F'|' '{ printf "  make %-16s %s\n", $$1, $$2 }'

all: packages ## install missing packages, then build everything
	+@$(SUBMAKE) build

build:
	@echo "building for PostgreSQL $(PG_MAJOR) below build/"
	+@$(SUBMAKE) -C common
	+@$(SUBMAKE) -C pg_extension/fetcher
	+@$(SUBMAKE) -C minio_helper
	+@$(PGXS_MAKE)

install: build ## install into the PostgreSQL of PG_CONFIG (as root)
	+@$(PGXS_MAKE) install
	+@$(SUBMAKE) -C minio_helper install

uninstall: ## take it out again
	+@$(PGXS_MAKE) uninstall
	+@$(SUBMAKE) -C minio_helper uninstall

packages:
	@tests/setup/packages

tools: packages
	@tests/setup/tools bao toxiproxy venv

# A real S3 server and its clients.
s3-tools: tools
	@tests/setup/packages rclone s3cmd
	@tests/setup/tools mc minio s3clients

# What the tests of minio-helper read its output with.
helper-tools: s3-tools
	@tests/setup/packages fish docker-compose pgbackrest
	@tests/setup/tools seaweedfs

check: helper-tools ## all tests, on one PostgreSQL
	+@$(SUBMAKE) build asan-fetcher
	+@$(SUBMAKE) --keep-going check-unit check-sanitized check-fuzz check-pgtap check-tap \
		check-helper check-docker check-production

check-unit: ## the core's unit tests
	+@$(SUBMAKE) -C tests/unit check

check-sanitized: ## the same under AddressSanitizer and UndefinedBehaviorSanitizer
	+@$(SUBMAKE) -C tests/unit check $(SANITIZE_TESTS)

check-fuzz: ## the fuzz corpus, then FUZZ_SECONDS of fuzzing over all targets
	+@$(SUBMAKE) -C tests/fuzz check FUZZ_SECONDS=$(FUZZ_SECONDS)

# These start PostgreSQL and Vault. They install nothing into the system: see
# tests/setup/staged.
check-pgtap: build ## pgTAP, on a real cluster with a real Vault
	@$(STAGED) tests/setup/run_pgtap $(TESTS)

check-tap: build ## PostgreSQL::Test: behaviour and faults on real servers
	@$(STAGED) tests/setup/run_tap $(TESTS)

# Prometheus and its exporter are what the alerts and queries are tested with.
production-tools: tools
	@tests/setup/packages prometheus prometheus-postgres-exporter
	@tests/setup/tools mc minio

check-production: production-tools build ## the production cluster, its runbooks and its monitoring, on real servers
	@$(STAGED) tests/setup/run_tap $(or $(TESTS),$(wildcard tests/production/*.t))

check-helper: helper-tools ## minio-helper against real Vaults, S3 servers and clients
	+@$(SUBMAKE) -C minio_helper
	@tests/setup/run_helper $(TESTS)

check-docker: tools ## what docker/ holds: policies, bootstrap, and the Compose bundle
	@tests/setup/packages docker-compose
	@tests/setup/tools s3clients compose
	@PROVE_LIMIT=60m tests/setup/run_helper $(or $(TESTS),tests/docker/*.t)

check-all: tools ## all tests on PostgreSQL 15, 16, 17 and 18
	@tests/setup/check_all $(VERSIONS)

# The fetcher with sanitizers, for the test that looks for its leaks.
asan-fetcher:
	+@$(SUBMAKE) -C pg_extension/fetcher $(SANITIZE_TESTS)

demo: s3-tools ## show the whole thing on real servers, then stop them
	+@$(SUBMAKE) build
	@$(STAGED) tests/demo/demo

demo-shell: s3-tools ## the same, and leave you in a shell with the servers running
	+@$(SUBMAKE) build
	@$(STAGED) tests/demo/demo --shell

bench: s3-tools ## speed and memory, as a table of ratios (ROWS="cached cold" for some)
	+@$(SUBMAKE) build
	+@$(SUBMAKE) -C tests/bench
	@$(STAGED) tests/bench/run $(ROWS)

fuzz: packages ## fuzz for FUZZ_SECONDS (any length)
	+@$(SUBMAKE) -C tests/fuzz fuzz FUZZ_SECONDS=$(FUZZ_SECONDS)

lint: packages ## formatters, linters and analysers; clean or it fails
	@tests/setup/lint '$(PG_CONFIG)'

format: packages ## bring all C files into the one format
	@tests/setup/lint '$(PG_CONFIG)' reformat

clean: ## remove what was built, but not the tools in build/tools
	rm -rf build/common build/fetcher build/helper build/pg* build/unit build/asan build/fuzz build/lint build/log
