"""Commands that start a process and stay."""
