"""The composition root and what the command does: everything is built, started and stopped here."""
