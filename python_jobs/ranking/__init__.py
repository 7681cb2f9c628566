"""Ranking: the best movies for each user, why they are, and which movies are similar."""
