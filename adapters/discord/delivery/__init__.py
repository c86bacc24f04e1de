"""How replies get to people: posts, edits and when, threads, interaction responses, webhooks."""
