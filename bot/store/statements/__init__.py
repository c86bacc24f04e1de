"""What a repository does to the tables inside a transaction of its own."""
