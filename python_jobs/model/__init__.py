"""The model: its settings, the weights of interactions, NMF's fit, and folding users in."""
