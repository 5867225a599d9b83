"""The Fréchet distance that papers report: in features of the Inception network, through torch-fidelity."""

import torch
from torch import Tensor
from torch.utils.data import Dataset


def inception_frechet(images: Tensor, reference: Tensor, **options) -> float:
    """The Fréchet Inception distance (FID) of two sets of images, floats in [-1, 1] of shape (N, 1 or 3, H, W).

    Made for the full profile: the network reads every image at 299×299, and its weights, some 100 MB, are downloaded
    at the first call. Papers compare 50,000 samples, or 10,000; name N beside the number. ``options`` go to
    ``torch_fidelity.calculate_metrics``. Source: Heusel et al. 2017.

    Raises ModuleNotFoundError without torch-fidelity, which is the optional extra ``inception``.
    """
    try:
        from torch_fidelity import calculate_metrics
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "The Inception network comes with torch-fidelity, which is missing here: install the extra 'inception' of "
            "ganlib, or run `pip install torch-fidelity`."
        ) from error
    settings = {"cuda": images.is_cuda, "verbose": False, "save_cpu_ram": True, **options}
    results = calculate_metrics(input1=_Bytes(images), input2=_Bytes(reference), fid=True, **settings)
    return results["frechet_inception_distance"]


class _Bytes(Dataset):
    """Images as torch-fidelity reads them: bytes of shape (3, H, W), grey repeated in each channel."""

    def __init__(self, images: Tensor):
        if images.dim() != 4 or images.shape[1] not in (1, 3) or len(images) < 2:
            shape = tuple(images.shape)
            raise ValueError(f"The Inception network needs at least 2 images of shape (N, 1 or 3, H, W), not {shape}.")
        if not images.is_floating_point() or not -1.001 <= images.min() <= images.max() <= 1.001:
            raise ValueError("The Inception network is given float images in [-1, 1]: scale them first.")
        self.images = images.cpu()

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Tensor:
        image = ((self.images[index] + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
        return image.expand(3, -1, -1)
