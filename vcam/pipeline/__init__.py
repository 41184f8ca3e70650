"""Raw frame in, safe frame out."""
