"""Faust's aiokafka transport, delivering chunks instead of single records."""
