"""What computes logits: one file a library."""

import sys

# Importing openvino makes up an id for this user, keeps it in their home and sends a note to Google
# Analytics, unless a command of its own declined that. Without this package it sends nothing.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
