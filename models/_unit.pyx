# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
# distutils: extra_compile_args = -O3 -g0 -ffp-contract=off
# Modules compiled as one, each after those it imports; all their top-level names share one namespace.
include "catalog/key_index.py"
