"""The built-in lists of the word filter, one word a line; `#` begins a comment."""
