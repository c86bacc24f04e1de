"""Training of XGLM checkpoints from plain text: corpus, tokenizer, network, optimiser, loop."""
