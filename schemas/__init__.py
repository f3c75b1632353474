"""Words: what crosses a wire or a disk, and the contract of each topic."""
