"""Layouts as bytes: titles, reasons, product cards, the answer itself, and its fields read back."""
