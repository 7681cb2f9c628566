"""Making a run live: its rows staged, checked and swapped in, and one row that makes it current."""
