"""A generator as a page takes it: BatchNorm folded, weights rounded, and read back as the page reads them."""

import base64
import copy
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganlib.conditional import ConditionalGenerator

SMALL = 400_000  # bytes of weights up to which they keep 16 bits each; beyond, 8, so that the page stays light


def normals(seed: int, count: int) -> list[float]:
    """``count`` draws from N(0, 1), the same in Python and in the page: Mulberry32, then Box and Muller's transform."""
    state, values = seed, []

    def uniform() -> float:
        nonlocal state
        state = (state + 0x6D2B79F5) % 2**32
        mixed = (state ^ state >> 15) * (state | 1) % 2**32
        mixed ^= (mixed + (mixed ^ mixed >> 7) * (mixed | 61)) % 2**32
        return (mixed ^ mixed >> 14) / 2**32

    for _ in range(count):
        radius = math.sqrt(-2 * math.log(1 - uniform()))
        values.append(radius * math.cos(2 * math.pi * uniform()))
    return values


def packed(generator: nn.Module, latent: int, names: Sequence | None = None, bits: int | None = None):
    """The generator as the page takes it, a dict, and the root mean square of what rounding does to its pixels."""
    generator = copy.deepcopy(generator).cpu().double().eval().requires_grad_(False)
    body, codes = generator, torch.zeros(0, 0).double()
    if isinstance(generator, ConditionalGenerator):
        body, codes = generator.body, generator.code(torch.arange(generator.code.num_embeddings)).double()
    names = [str(name) for name in (range(len(codes)) if names is None else names)]
    if len(names) != len(codes):
        raise ValueError(f"The generator knows {len(codes)} classes, but {len(names)} names came with it.")
    steps = steps_of(body)
    bits = bits or (16 if 2 * sum(step["weight"].numel() for step in steps if "weight" in step) <= SMALL else 8)
    whole, floats = [], []
    for step in steps:
        if "weight" in step:
            integers, scale = rounded(step["weight"], bits)
            step["weight"] = integers.double() * scale.double().view(-1, *[1] * (integers.dim() - 1))
            step["bias"] = step["bias"].float().double()
            whole.append(integers)
            floats += [scale, step["bias"]]

    z = torch.tensor([normals(1000 + seed, latent) for seed in range(64)], dtype=torch.float64)
    inputs = torch.cat([z, codes[torch.arange(64) % len(codes)]], 1) if len(codes) else z
    exact = body(inputs)
    if exact.dim() != 4 or exact.shape[1] not in (1, 3):
        raise ValueError(f"The generator has to make images (N, 1 or 3, H, W), but makes {tuple(exact.shape)}.")
    error = (run(steps, inputs) - exact.flatten(1)).square().mean().sqrt().item()
    directions = steepest(steps, inputs[:16], latent)
    parts = [part.float().contiguous() for part in (directions, codes, *floats)] + whole
    fields = ("kind", "inputs", "outputs", "kernel", "stride", "padding", "slope")
    net = {
        "latent": latent,
        "code": codes.shape[1],
        "classes": names,
        "shape": list(exact.shape[1:]),
        "typical": typical_length(latent),
        "bits": bits,
        "steps": [{key: step[key] for key in fields if key in step} for step in steps],
        "weights": base64.b64encode(b"".join(part.numpy().tobytes() for part in parts)).decode(),
    }
    return net, error


def opened(net: dict) -> tuple[Tensor, Tensor, list[dict]]:
    """Directions (2, latent), codes (classes, code) and steps of a packed generator, in float64."""
    data, at = bytearray(base64.b64decode(net["weights"])), 0

    def take(kind: torch.dtype, *shape: int) -> Tensor:
        nonlocal at
        count = math.prod(shape)
        part = torch.frombuffer(data, dtype=kind, count=count, offset=at) if count else torch.zeros(0)
        at += part.nbytes
        return part.view(shape).double()

    directions = take(torch.float32, 2, net["latent"])
    codes = take(torch.float32, len(net["classes"]), net["code"])
    steps = [dict(step) for step in net["steps"]]
    affine = [step for step in steps if "outputs" in step]
    for step in affine:
        step["scale"], step["bias"] = (take(torch.float32, step["outputs"]) for _ in range(2))
    for step in affine:
        square = [step["kernel"]] * 2 if "kernel" in step else []
        whole = take(torch.int8 if net["bits"] == 8 else torch.int16, step["outputs"], step["inputs"], *square)
        step["weight"] = whole * step["scale"].view(-1, *[1] * (whole.dim() - 1))
    return directions, codes, steps


def run(steps: list[dict], x: Tensor) -> Tensor:
    """The generator on (N, latent and code): pixels of shape (N, C H W)."""
    for step in steps:
        match step["kind"]:
            case "dense":
                x = F.linear(x, step["weight"], step["bias"])
            case "up":
                side = math.isqrt(x.shape[1] // step["inputs"])
                maps, weight = x.view(len(x), step["inputs"], side, side), step["weight"].transpose(0, 1)
                x = F.conv_transpose2d(maps, weight, step["bias"], step["stride"], step["padding"]).flatten(1)
            case "leak":
                x = F.leaky_relu(x, step["slope"])
            case "tanh":
                x = x.tanh()
    return x


def steps_of(body: nn.Module) -> list[dict]:
    """What a generator does, step by step; weights with the outputs first, BatchNorm folded into the step before."""
    steps: list[dict] = []
    for layer in _layers(body):
        match layer:
            case nn.Linear():
                weight = layer.weight
                steps.append({"kind": "dense", "weight": weight, "bias": _bias(layer, len(weight))})
            case nn.ConvTranspose2d() if _plain(layer):
                weight = layer.weight.transpose(0, 1)
                sizes = {"kernel": layer.kernel_size[0], "stride": layer.stride[0], "padding": layer.padding[0]}
                steps.append({"kind": "up", "weight": weight, "bias": _bias(layer, len(weight)), **sizes})
            case (
                nn.BatchNorm1d(running_mean=Tensor() as mean, running_var=Tensor() as variance)
                | nn.BatchNorm2d(running_mean=Tensor() as mean, running_var=Tensor() as variance)
            ) if steps and "weight" in steps[-1]:
                step, shape = steps[-1], (-1, *[1] * (steps[-1]["weight"].dim() - 1))
                factor = (variance + layer.eps).rsqrt() * (layer.weight if layer.affine else 1)
                step["weight"] = step["weight"] * factor.view(shape)
                step["bias"] = (step["bias"] - mean) * factor + (layer.bias if layer.affine else 0)
            case nn.ReLU() | nn.LeakyReLU():
                steps.append({"kind": "leak", "slope": getattr(layer, "negative_slope", 0.0)})
            case nn.Tanh():
                steps.append({"kind": "tanh"})
            case nn.Unflatten() | nn.Flatten():
                pass  # steps hold flat vectors
            case _:
                raise ValueError(
                    "LatentExplorer runs Linear, square ConvTranspose2d without groups, BatchNorm right behind one of "
                    f"these, ReLU, LeakyReLU, Tanh, Unflatten and Flatten, but not {layer}."
                )
    for step in steps:
        if "weight" in step:
            step["outputs"], step["inputs"] = step["weight"].shape[:2]
    return steps


def rounded(weight: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    """Whole numbers of so many bits, and a scale for each row, whose product is near ``weight``."""
    largest = weight.flatten(1).abs().amax(1)
    scale = (largest / (2 ** (bits - 1) - 1)).clamp_min(1e-30).float()
    whole = weight / scale.double().view(-1, *[1] * (weight.dim() - 1))
    return whole.round().to({8: torch.int8, 16: torch.int16}[bits]), scale


def steepest(steps: list[dict], inputs: Tensor, latent: int) -> Tensor:
    """Two unit directions of z, at right angles, along which the pictures change most: in the mean over latents.

    They are the first eigenvectors of the mean of J^T J, where J is the Jacobian matrix of the pixels in z.
    """
    nudge = 1e-4 * torch.eye(latent, inputs.shape[1], dtype=torch.float64)  # of z alone, not of the class's code
    jacobians = (run(steps, x + nudge) - run(steps, x - nudge) for x in inputs)  # J^T each, up to a factor
    vectors = torch.linalg.eigh(sum(each @ each.T for each in jacobians)).eigenvectors[:, [-1, -2]].T
    largest = vectors.abs().argmax(1, keepdim=True)
    sign = vectors.gather(1, largest).sign()  # of the two that are as good, always the same
    return (vectors * sign).float().double()


def typical_length(latent: int) -> list[float]:
    """The lengths between which 95 of 100 latents lie, 2.5 on each side outside; half the squared length is a gamma."""
    lengths = torch.linspace(0, math.sqrt(latent) + 6, 20_001, dtype=torch.float64)
    below = torch.special.gammainc(torch.tensor(latent / 2).double(), lengths.square() / 2)
    return lengths[torch.searchsorted(below, torch.tensor([0.025, 0.975]).double())].tolist()


def _layers(body: nn.Module) -> list[nn.Module]:
    return sum(map(_layers, body), []) if isinstance(body, nn.Sequential) else [body]


def _bias(layer: nn.Linear | nn.ConvTranspose2d, outputs: int) -> Tensor:
    return torch.zeros(outputs).double() if layer.bias is None else layer.bias


def _plain(layer: nn.ConvTranspose2d) -> bool:
    square = all(len(set(pair)) == 1 for pair in (layer.kernel_size, layer.stride, layer.padding))
    return square and (layer.groups, layer.output_padding, layer.dilation) == (1, (0, 0), (1, 1))
