"""Agents for a sweep: on this machine, on Slurm and on Ray."""
