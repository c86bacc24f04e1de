"""What a process needs to know of its GPU: whether it works, how it is set up, when it is lost."""

from __future__ import annotations

import torch


def cuda_trouble(device: torch.device) -> str | None:
    """Why nothing can be computed on this GPU, or None. A driver may be there whose kernels do not run."""
    try:
        with torch.cuda.device(device):
            ones = torch.ones(8, 8, device=device)
            if float((ones @ ones).sum()) == 512.0:
                return None
    except (RuntimeError, AssertionError) as error:  # the latter where torch was built without CUDA
        return str(error).splitlines()[0]
    return "it computes wrongly"


def set_up_cuda() -> None:
    """Set what torch decides for the whole process.

    cuDNN's attention makes a plan for each length of keys, tens of milliseconds for every new token. Sums of
    a half type are kept in float32 to their end.
    """
    torch.backends.cuda.enable_cudnn_sdp(False)  # noqa: FBT003
    torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction = False
    torch.backends.cuda.matmul.allow_fp16_reduced_precision_reduction = False


def is_device_lost(error: BaseException) -> bool:
    """Whether a GPU's process can compute nothing any more after `error`, whatever it is given.

    CUDA tells the first failure of a kernel at every later call, until the process ends.
    """
    return isinstance(error, torch.AcceleratorError)


def release_unused(device: torch.device) -> None:
    """Give back what the allocator keeps for later, so that what is free can be read."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
