"""Stress tests: prices are shocked over a private copy of the live exchange, unnoticed by it."""
