"""Pure rules for stories: joining passages, the tree, the lorebook, the prompt, export formats."""
