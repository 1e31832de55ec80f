"""Benchmarks of skae; nothing imports them. See README.md in this folder."""
