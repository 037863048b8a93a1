"""Benchmarks: `make bench`, or `python -m bench [engine|commit|rest|ws]`. Never run by the tests."""
