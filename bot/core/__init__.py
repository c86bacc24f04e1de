"""The services that adapters use, and a job's life; knows no platform, no database and no engine."""
