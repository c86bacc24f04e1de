"""The tables by subject; each function runs inside a transaction that its caller owns."""
