"""The comparison of per-flow policies, `benchmarks/flows`."""
