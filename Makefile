# Everything that a contributor types. `make test` is what CI runs: it works on a bare Debian bookworm as root with Rust
# installed, and stops all that it starts.
.PHONY: build test test-full parity torture lint docs demo bench bench-instructions

build: ## target/release/rowtide
	cargo build --release -p rowtide-app

test: ## lint, tests against real servers, a fixed part of the comparison with Debezium
	ci/test.sh

test-full: ## the same with every scenario, on PostgreSQL 15 and on 18
	ci/test.sh full

parity: ## only the comparison with Debezium
	ci/test.sh parity

ROUNDS = 1
torture: ## crashes and faults at length, ROUNDS times; the table goes into docs/manual/guarantees.md
	ci/test.sh torture $(ROUNDS)

ONLY =
bench: ## Debezium and Rowtide measured side by side, bench/RESULTS.md written; ONLY=stream,latency for some sections, see ci/bench.sh
	ci/bench.sh $(ONLY)

bench-instructions: ## what an event costs on recorded input, written to bench/instructions.toml, which `make test` holds
	ci/test.sh instructions update

lint: ## what needs no server
	ci/test.sh lint

docs: ## the manual, from the options' declarations
	cargo xtask docs

demo: ## a shop, its changes on your terminal
	demo/demo.sh
