"""The features of a visitor and a candidate, defined once for training and serving."""
