"""One model on several machines: each has a range of the users, and only sums travel."""
