"""What the bot does with what Discord sends: messages, commands, component interactions."""
