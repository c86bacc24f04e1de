"""Tests of the command, the composition root, the doctor and the export."""
