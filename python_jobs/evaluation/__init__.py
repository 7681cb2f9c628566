"""Evaluation: what lists are worth on held-out interactions, and whether a run may go live."""
