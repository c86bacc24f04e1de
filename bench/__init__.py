"""`make bench`: the worker over HTTP beside transformers' `generate`, in one run on one machine."""
