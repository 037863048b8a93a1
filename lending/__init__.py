"""Lending pools, loans and their history."""
