"""The step loop, its scheduler, and the blocks that keys and values lie in."""
