"""The rules of play and a job's life; knows no platform, no database and no engine."""
