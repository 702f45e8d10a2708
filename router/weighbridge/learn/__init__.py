"""Fitting the scale to an operator's own pair of pools: collect, label, fit, report."""
