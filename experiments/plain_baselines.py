"""GANs trained the plain way, as most tutorials do: what ``experiments/bench.py`` sets the course's recipe beside.

Nothing here is slowed down: it is the usual loop, written well, with the usual tools and their defaults.
"""

import time
from collections.abc import Iterable, Iterator, Sequence

import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision import datasets, transforms

from ganlib import models, runtime
from ganlib.images import ImageSet

BATCH, LATENT, LR = 64, 100, 2e-4


class PilDigits(Dataset):
    """An ``ImageSet`` as torchvision's MNIST serves its own: one PIL image at a time, through a transform."""

    def __init__(self, data: ImageSet, transform: transforms.Compose):
        self.images, self.labels, self.transform = data.images[:, 0].cpu(), data.labels.cpu(), transform

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(Image.fromarray(self.images[index].numpy())), int(self.labels[index])


def loader(name: str, data: ImageSet, padding: int = 0) -> DataLoader:
    """Shuffled batches of 64, through torchvision's own MNIST where ``name`` is mnist.

    ``padding`` zero pixels go on each side: 2 for a net of 32 pixels. The features cut them off again, so that such a
    net loses nothing to a blur, as it would from ``Resize(32)``.
    """
    pad = [transforms.Pad(padding)] if padding else []
    transform = transforms.Compose([*pad, transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))])
    own = name == "mnist"
    dataset = datasets.MNIST(runtime.data_dir(), transform=transform) if own else PilDigits(data, transform)
    return DataLoader(dataset, batch_size=BATCH, shuffle=True)


def train(
    net: str, batches: DataLoader, budgets: Sequence[float], beta1: float = 0.9
) -> Iterator[tuple[nn.Module, int, float]]:
    """Train the reference pair ``net`` past each of the rising ``budgets``, in seconds: generator, steps, seconds used.

    Adam has a learning rate of 2e-4 and, unless ``beta1`` says otherwise, PyTorch's defaults. The clock stands still
    while the caller looks at what it got.
    """
    generator, discriminator = models.reference(net)
    start, left = time.perf_counter(), list(budgets)
    for step, _ in enumerate(steps(generator, discriminator, endless(batches), beta1), 1):
        elapsed = time.perf_counter() - start
        if elapsed >= left[0]:
            paused = time.perf_counter()
            yield generator, step, elapsed
            generator.train()  # the caller may have sampled in evaluation mode
            start += time.perf_counter() - paused
            left = left[1:]
            if not left:
                return


def steps(
    generator: nn.Module, discriminator: nn.Module, batches: Iterable[Tensor], beta1: float = 0.9
) -> Iterator[None]:
    """The loop itself: a step of training for each of the ``batches``, done when the iterator is asked for it."""
    g_optimizer = torch.optim.Adam(generator.parameters(), lr=LR, betas=(beta1, 0.999))
    d_optimizer = torch.optim.Adam(discriminator.parameters(), lr=LR, betas=(beta1, 0.999))
    criterion = nn.BCEWithLogitsLoss()
    for real in batches:
        real_labels, fake_labels = torch.ones(len(real)), torch.zeros(len(real))
        fake = generator(torch.randn(len(real), LATENT))

        d_optimizer.zero_grad()
        d_loss = criterion(discriminator(real), real_labels) + criterion(discriminator(fake.detach()), fake_labels)
        d_loss.backward()
        d_optimizer.step()

        g_optimizer.zero_grad()
        g_loss = criterion(discriminator(fake), real_labels)
        g_loss.backward()
        g_optimizer.step()
        yield


def endless(batches: DataLoader) -> Iterator[Tensor]:
    """The images of a loader, epoch after epoch."""
    while True:
        for images, _ in batches:
            yield images
