"""The worker's HTTP protocol, declared once for both sides: docs/worker-api.md in types. Knows no torch."""
