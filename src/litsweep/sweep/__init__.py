"""A sweep: its config, its parameters and their distributions, its runs, and the rules that stop them."""
