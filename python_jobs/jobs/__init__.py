"""The jobs: each a list of steps, which the commands call."""
