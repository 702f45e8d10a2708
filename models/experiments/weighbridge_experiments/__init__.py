"""Experiments for operators: what a choice costs, tried in simulated time; see docs/experiments.

Modules read from the bottom up: `clock`, then `request` and `pod` (one vLLM server), `pool` and
`scaler` (a tier), `traffic` (its users), `world` (all of it), and a module for each experiment.
Nothing that ships imports this package.
"""
