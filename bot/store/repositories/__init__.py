"""The store by subject: each method of a repository is one transaction."""
