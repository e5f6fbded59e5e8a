"""All SQL of the server: one module per noun, each a set of functions over an open transaction."""
