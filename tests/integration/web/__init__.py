"""The web room, in values, over HTTP and in real browsers."""
