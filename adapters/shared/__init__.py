"""What every adapter needs: the ports they stand between, and small mechanisms."""
