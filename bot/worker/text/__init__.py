"""A story's text and XGLM's tokens, both ways."""
