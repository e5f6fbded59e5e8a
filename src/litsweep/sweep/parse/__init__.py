"""Parsers of the sections of a sweep config. They collect all faults in one report."""
