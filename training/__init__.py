"""A market in, a bundle out."""
