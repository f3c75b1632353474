"""The worker that folds events into visitor states and decides live pages."""
