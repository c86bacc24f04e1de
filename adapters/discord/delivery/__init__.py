"""How replies get to people: posts, edits and their pace, threads, interaction responses."""
