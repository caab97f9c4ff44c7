"""Measures Rowtide beside the original, and the floors below both. `make bench` runs it; ci/bench.sh starts the servers."""
