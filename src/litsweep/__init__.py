"""Hyperparameter optimization for PyTorch Lightning with W&B Sweeps."""
