"""Takes of an event what can be taken: what does not fit is cut, converted or left out, and named."""
