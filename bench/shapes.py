"""The shapes of XGLM that are measured; speed and memory do not depend on the weights' values."""

from __future__ import annotations

from dataclasses import dataclass

GIB = 2**30


@dataclass(frozen=True, slots=True)
class Shape:
    """The figures of a checkpoint that its speed and memory depend on."""

    name: str
    vocabulary: int
    width: int
    inner: int
    layers: int
    heads: int
    context: int = 2048

    @property
    def layer_weights(self) -> int:
        """Numbers of one layer's products: four of attention, two of the feed-forward net."""
        return (4 * self.width + 2 * self.inner) * self.width

    @property
    def weights(self) -> int:
        """Numbers of all layers and of the table, which is the head as well."""
        return self.weights_read(None)

    def weights_read(self, outputs: int | None) -> int:
        """Numbers that a token is multiplied with: all layers and the head, of `outputs` rows where not all.

        In int8 these are the bytes read for one token of one writer. Biases, scales, norms, keys and values
        are left out (2 % at 200 tokens), so the share of the roofline is told a little too low.
        """
        rows = self.vocabulary if outputs is None else outputs
        return self.layers * self.layer_weights + rows * self.width

    @property
    def checkpoint_bytes(self) -> int:
        """The checkpoint on disk, in float16; the head is tied to the embedding."""
        return 2 * self.weights


EMBEDDED = "embedded"
TINY = "tiny"
STANDARD = "564m"
"""The one that wanted figures are said of."""

SHAPES = {
    shape.name: shape
    for shape in (
        Shape(TINY, 16_007, 64, 256, 2, 4),
        Shape(STANDARD, 256_008, 1_024, 4_096, 24, 16),
        Shape("1.7b", 256_008, 2_048, 8_192, 24, 16),
        Shape("7.5b", 256_008, 4_096, 16_384, 32, 32),
    )
}
"""Published figures, and one for trying the bench itself."""

LARGE = "7.5b"
LOADED = (STANDARD, "1.7b")
"""The shapes of the load table."""

PEAK_GIB = {"1.7b": 4.0, "7.5b": 12.0}
"""How much memory loading may take at most."""
