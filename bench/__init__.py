"""Measures the product against a bare echo and WeRoBot: `python -m bench` (docs/benchmarks.md)."""
