"""The search: suggestions of the next configs, and decisions to stop runs."""
