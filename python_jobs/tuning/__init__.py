"""Tuning: a search for better settings, judged on splits of its own."""
