"""Pure rules for text: Japanese, ruby, word filter, what of a stream is kept, how a reply is split."""
