"""Named stand-ins with tests of their own."""
