"""Simulated shoppers and the made-up shop they browse: for demos, tests and benchmarks."""
