"""How good masks are, as figures, tables and pictures."""
