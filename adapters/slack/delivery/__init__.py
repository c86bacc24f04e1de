"""How replies get to people: posts, native streams, edits and their pace, notices."""
