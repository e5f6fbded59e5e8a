"""What a sweep is: its config, its parameters and their distributions, its runs."""
