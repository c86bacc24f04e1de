"""The Discord adapter, driven by the real client against our loopback Discord."""
