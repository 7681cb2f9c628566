"""One module per command of ``python_jobs``; each imports what is heavy only when it runs."""
