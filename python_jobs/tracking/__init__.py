"""MLflow: the store, the registry of models, and what a run leaves in them."""
