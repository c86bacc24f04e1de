"""What computes logits: one file a library."""
