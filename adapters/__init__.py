"""Platforms: each translates payloads into messages, and drafts into what its people see."""
