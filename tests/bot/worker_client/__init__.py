"""The SSE client and the local worker."""
