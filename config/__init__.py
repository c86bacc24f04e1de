"""Settings, logging, phrases. Imports nothing else of the project."""
