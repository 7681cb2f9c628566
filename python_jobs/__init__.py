"""Train, publish and serve movie recommendations from a ClickHouse warehouse."""
