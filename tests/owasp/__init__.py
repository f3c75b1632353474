"""The OWASP API Security Top 10 (2023): a file for each risk; the README's table names them."""
