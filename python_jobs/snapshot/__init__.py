"""The copy of the marts that the dashboards on this machine read."""
