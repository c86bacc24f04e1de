"""What else serves an XGLM on a processor, each in an environment of its own, measured beside the worker."""
