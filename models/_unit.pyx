# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
# distutils: extra_compile_args = -O3 -g0 -ffp-contract=off
# Modules compiled as one, in the order of their imports; all their top-level names share one namespace.
include "visitor/decay.py"
include "visitor/state_fields.py"
include "visitor/typed_state.py"
include "visitor/affinities.py"
include "visitor/sessions.py"
include "visitor/interactions.py"
include "visitor/packing.py"
include "visitor/fold.py"
include "catalog/key_index.py"
include "catalog/columns.py"
include "candidates/candidate_rows.py"
include "candidates/visit.py"
include "candidates/source.py"
include "candidates/taste_sources.py"
include "candidates/sources.py"
include "features/feature_rows.py"
include "features/item.py"
include "features/visitor.py"
include "features/affinity.py"
include "features/interaction.py"
include "features/gap.py"
include "features/index.py"

COMPLETE = True
