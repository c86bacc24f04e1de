"""What goes out of the house, byte for byte: whatever is rebuilt inside, this stays."""
