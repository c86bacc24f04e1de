"""From a training run to the embedded model: weights, presets, samples and card."""
