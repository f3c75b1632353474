"""Commands on rankers: train, evaluate."""
