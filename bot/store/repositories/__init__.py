"""The store by subject: a repository, each method one transaction, and what it does to the tables."""
