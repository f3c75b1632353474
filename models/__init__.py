"""Thought: visitor state, item table, features, ranking, layout and rules. Pure: values in, values out."""
