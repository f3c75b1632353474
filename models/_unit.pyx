# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
# distutils: extra_compile_args = -O3 -g0 -ffp-contract=off
# Modules compiled as one, each after those it imports; all their top-level names share one namespace.
include "visitor/decay.py"
include "visitor/state_fields.py"
include "visitor/typed_state.py"
include "visitor/affinities.py"
include "visitor/sessions.py"
include "visitor/interactions.py"
include "visitor/packing.py"
include "visitor/fold.py"
include "catalog/key_index.py"
