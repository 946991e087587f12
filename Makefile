# Every command selects the whole workspace: cargo builds a dependency again when the features
# that are asked of it differ, and with one selection they never do.

CARGO ?= cargo
TARGET := $(or $(CARGO_TARGET_DIR),target)
ARGS ?=
# `no` leaves the dashboard out.
DASHBOARD ?= yes
export DASHBOARD

.DEFAULT_GOAL := help
.PHONY: help run test check bench bench-detection chaos generate clean dashboard prerequisites

help: ## Explain the targets
	@echo 'Millwright. Targets:'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo 'Options of a program are passed on: make run ARGS="--data-dir /tmp/demo"'

run: dashboard ## Start the platform and a fleet of agents on this computer; Ctrl-C stops them
	$(CARGO) build --workspace --bins --locked
	$(TARGET)/debug/millwright demo $(ARGS)

test: dashboard ## Run all tests: rules, real servers, real processes, a real browser
	@scripts/test.sh $(ARGS)

check: prerequisites ## Format, lints, docs, generated files, layers, licences: what a change must pass
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --workspace --no-deps --locked
	$(CARGO) xtask check-generated
	$(CARGO) xtask check-layers
	$(CARGO) xtask check-features
	$(CARGO) run --locked --quiet --bin millwright-fuzz-replay
	@scripts/licenses.sh
	@scripts/dashboard-check.sh

bench: dashboard ## Measure the platform from outside, in a release build (ARGS=--quick for a short run)
	$(CARGO) build --bin millwright --bin millwright-agent --bin millwright-bench --release --locked
	$(TARGET)/release/millwright-bench --programs $(TARGET)/release $(ARGS)

bench-detection: ## Measure the detectors on the data sets of MILLWRIGHT_DATASETS, in a release build
	$(CARGO) build --bin millwright-detection-bench --release --locked
	$(TARGET)/release/millwright-detection-bench --output $(TARGET)/bench-detection $(ARGS)

chaos: dashboard ## Kill, pause and cut off everything at random, then count: nothing lost, nothing twice
	$(CARGO) build --workspace --bins --locked
	$(TARGET)/debug/millwright-chaos --output $(TARGET)/chaos $(ARGS)

generate: prerequisites ## Write schemas/generated again from the types
	$(CARGO) xtask generate

clean: ## Remove what was built; ./data stays
	$(CARGO) clean
	rm -rf dashboard/dist dashboard/.built

# Before cargo: the pages become part of the program.
dashboard: prerequisites
	@scripts/dashboard.sh

prerequisites:
	@scripts/prerequisites.sh
