"""The worker: the process that holds XGLM. Everything that needs torch lives here."""
