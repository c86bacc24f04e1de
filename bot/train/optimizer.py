"""Muon for the matrices, AdamW for the rest.

`torch.optim.Muon` always orthogonalises in bfloat16: on a CPU without bf16 units one step takes 30 s instead
of 0.3. This one is the same update in the dtype that the CPU is fast in, stacked over matrices of one shape.
Source: Keller Jordan, https://kellerjordan.github.io/posts/muon/ (coefficients, Nesterov momentum, scale).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import torch
from torch import Tensor, nn

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
NEWTON_SCHULZ_STEPS = 5
MUON_LR = 0.02
MUON_MOMENTUM = 0.95
ADAM_LR = 1.5e-3
ADAM_BETAS = (0.9, 0.98)


def orthogonalise(gradients: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """Roughly U V^T for each of the float32 matrices [count, rows, columns], computed in `dtype`."""
    wide = gradients.shape[1] <= gradients.shape[2]
    x = gradients if wide else gradients.mT
    x = (x / x.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)).to(dtype)
    a, b, c = NEWTON_SCHULZ
    for _ in range(NEWTON_SCHULZ_STEPS):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return (x if wide else x.mT).to(gradients)


class Muon(torch.optim.Optimizer):
    """Momentum, orthogonalised by Newton-Schulz iterations, for 2-D parameters of hidden layers."""

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = MUON_LR,
        momentum: float = MUON_MOMENTUM,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        """`dtype` is what orthogonalising computes in; parameters and momentum keep theirs."""
        super().__init__(params, {"lr": lr, "momentum": momentum})
        self._dtype = dtype

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # noqa: ARG002
        """Update every parameter that has a gradient."""
        for group in self.param_groups:
            shapes: dict[torch.Size, list[tuple[Tensor, Tensor]]] = defaultdict(list)
            for parameter in group["params"]:
                if parameter.grad is not None:
                    shapes[parameter.shape].append((parameter, parameter.grad))
            for shape, pairs in shapes.items():
                updates = orthogonalise(
                    torch.stack([self._momentum(p, g, group["momentum"]) for p, g in pairs]), self._dtype
                )
                scale = max(1, shape[0] / shape[1]) ** 0.5
                for (parameter, _), update in zip(pairs, updates, strict=True):
                    parameter.add_(update, alpha=-group["lr"] * scale)

    def _momentum(self, parameter: Tensor, gradient: Tensor, momentum: float) -> Tensor:
        state = self.state[parameter]
        buffer = state.setdefault("momentum", torch.zeros_like(gradient))
        buffer.lerp_(gradient, 1 - momentum)
        return gradient.lerp(buffer, momentum)


def build_optimizers(model: nn.Module, *, bfloat16: bool = False) -> list[torch.optim.Optimizer]:
    """Muon (in bfloat16 if so) for the layers' matrices; AdamW for embeddings, biases and norms."""
    matrices = [p for n, p in model.named_parameters() if p.ndim == 2 and ".layers." in n]
    chosen = {id(p) for p in matrices}
    rest = [p for p in model.parameters() if id(p) not in chosen]
    return [
        Muon(matrices, dtype=torch.bfloat16 if bfloat16 else torch.float32),
        torch.optim.AdamW(rest, lr=ADAM_LR, betas=ADAM_BETAS, weight_decay=0.0, fused=True),
    ]
