"""Trains the U-Net of model.safetensors in PyTorch, in one process or in many.

    python train.py --images DIR --masks DIR --split split.csv --frozen Inference --output trained.safetensors
    torchrun --standalone --nproc_per_node 8 train.py ...                # one machine, a process for each GPU
    torchrun --nnodes 4 --nproc_per_node 8 --rdzv_backend c10d --rdzv_endpoint HOST:29400 train.py ...

(Debian 12: python3 -m torch.distributed.run --redirects 9:1 --tee 9:1 instead of torchrun. Its PyTorch 1.13 cannot read its own default under Python
3.11, to redirect no process's output; a process that does not exist says the same.) Processes meet over NCCL on GPUs and over gloo on CPUs. The batch size is that of all
processes together: each takes its part, and the loss is the mean over the whole batch, however many there are. UNetResNet50.Load in C# takes what is
written. Order of the images, preprocessing, losses, scores, Adam and its schedule are those of the kit's Trainer.

Batch norm is the one thing that asks how many processes there are: a layer that uses the batch's statistics normalises by its process's part of the
batch. With --sync-batch-norm it normalises by the whole batch. PyTorch's own SyncBatchNorm refuses CPUs ("expected input tensor to be on GPU");
here the sums are exchanged by all_reduce, on every device. In mode Inference or AffineOnly there is nothing to synchronise.

Needs unet_resnet50.py beside it, PyTorch 1.13 or later, numpy and Pillow.
"""
import argparse
import collections
import csv
import glob
import hashlib
import json
import math
import os
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
import torch.distributed as dist
import torch.nn.functional as F
from PIL import Image, ImageOps
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from unet_resnet50 import UNetResNet50, read, save, write

# What a batch-norm layer does: (the batch's statistics in training, running statistics move, gamma and beta are trained). In inference all use the
# running statistics, except BatchOnly. Keras213 is the bug of 2018, Inference its cure.
MODES = {
    "Trainable": (True, True, True),
    "KerasLegacy": (True, True, False),
    "Keras213": (True, False, False),
    "TorchFrozenParameters": (True, True, False),
    "Inference": (False, False, False),
    "AffineOnly": (False, False, True),
    "BatchOnly": (True, False, False),
}

# (BGR?, divisor, means, deviations): (input[c or 2 - c] / divisor - means[c]) / deviations[c] of RGB in 0 to 255.
PREPROCESSING = {
    "caffe": (True, 1, (103.939, 116.779, 123.68), (1, 1, 1)),
    "caffe-channel-bug": (True, 1, (123.68, 116.779, 103.939), (1, 1, 1)),
    "torch": (False, 255, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "tf": (False, 127.5, (1, 1, 1), (1, 1, 1)),
    "zero-to-one": (False, 255, (0, 0, 0), (1, 1, 1)),
    "none": (False, 1, (0, 0, 0), (1, 1, 1)),
}


class Refusal(Exception):
    """What is wrong, what was expected, and the cure. Where every process sees the same, the first one says it."""

    def __init__(self, message, everywhere=True):
        super().__init__(message)
        self.everywhere = everywhere


# ---------------------------------------------------------------------------------------------------------------- processes

def world():
    """Number of this process, from 0, and how many there are."""
    return (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)


def line(text, file=None):
    """In one piece: many processes write to one screen."""
    print(text + "\n", end="", file=file or sys.stdout, flush=True)


def say(text):
    if world()[0] == 0:
        line(text)


def all_sum(tensor):
    """The sum over all processes, in place."""
    if dist.is_initialized():
        dist.all_reduce(tensor)
    return tensor


class SumOfAll(torch.autograd.Function):
    """The sum over all processes. Each of them depends on it, so its gradient is the sum of theirs."""

    @staticmethod
    def forward(ctx, x):
        return all_sum(x.clone())

    @staticmethod
    def backward(ctx, gradient):
        return all_sum(gradient.clone())


def first_process_decides(model):
    """Running statistics of the first process for all: those that are scored and saved."""
    if dist.is_initialized():
        for buffer in model.buffers():
            dist.broadcast(buffer, 0)


# --------------------------------------------------------------------------------------------------------------- batch norm

class BatchNorm(nn.BatchNorm2d):
    """A layer of the twin with a mode and with the history of its moving averages, as ModalBatchNorm2d in C#."""

    synchronised = False

    def __init__(self, layer, options):
        super().__init__(layer.num_features, options["eps"], options["momentum"])
        self.load_state_dict(layer.state_dict())
        self.options = options
        self.mode = "Trainable"
        # Zero-debiased averages start at 0 and are divided by the sum of their weights; they are no part of the network.
        self.register_buffer("debiased", torch.zeros(2, layer.num_features), persistent=False)
        self.weights = 0.0

    def set_mode(self, mode):
        self.mode = mode
        self.weight.requires_grad_(MODES[mode][2])
        self.bias.requires_grad_(MODES[mode][2])

    def forward(self, x):
        by_batch, moves, _ = MODES[self.mode]
        if not (by_batch and (self.training or self.mode == "BatchOnly")):
            return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps)
        shared = self.synchronised and self.training and dist.is_initialized()
        count = torch.tensor(x.numel() / x.shape[1], dtype=torch.float64)
        if shared:
            count = all_sum(count.to(x.device)).cpu()
        if count < 2:
            raise Refusal(f"Batch statistics of one value per channel have no variance: the input is {tuple(x.shape)}. "
                          "Use more or larger images, or mode Inference.", False)
        gamma, beta = self.weight, self.bias
        if shared:
            mean = SumOfAll.apply(x.sum((0, 2, 3))) / float(count)
            centred = x - mean[:, None, None]
            variance = SumOfAll.apply(centred.square().sum((0, 2, 3))) / float(count)
            gamma, beta = self.corrected(mean, variance)
            y = centred * (gamma / (variance + self.eps).sqrt())[:, None, None] + beta[:, None, None]
            mean, variance = mean.detach(), variance.detach() * float(count / (count - 1))
        else:
            if self.options.get("renormalization"):
                variance, mean = torch.var_mean(x.detach(), (0, 2, 3), unbiased=False)
                gamma, beta = self.corrected(mean, variance)
            # With momentum 1 the kernel leaves the batch's mean and unbiased variance in the buffers that it is given.
            mean, variance = torch.zeros_like(self.running_mean), torch.zeros_like(self.running_var)
            y = F.batch_norm(x, mean, variance, gamma, beta, True, 1.0, self.eps)
        if self.training and moves:
            self.move(mean, variance, float(count))
        return y

    def corrected(self, mean, variance):
        """Batch renormalisation (Ioffe 2017) as another gamma and beta; without it the layer's own."""
        limits = self.options.get("renormalization")
        if not limits or not self.training or self.mode == "BatchOnly":
            return self.weight, self.bias
        running, r_max, d_max = (self.running_var + self.eps).sqrt(), float(limits["r_max"]), float(limits["d_max"])
        r = ((variance.detach() + self.eps).sqrt() / running).clamp(1 / r_max, r_max)
        d = ((mean.detach() - self.running_mean) / running).clamp(-d_max, d_max)
        return self.weight * r, self.weight * d + self.bias

    @torch.no_grad()
    def move(self, mean, unbiased, n):
        """Moves the running statistics towards those of a batch of n values."""
        m = self.momentum
        variance = unbiased * {"Biased": (n - 1) / n, "Unbiased": 1.0, "KerasTwiceCorrected": n / (n - 1.001)}[self.options["moving_variance"]]
        debias = self.options["zero_debias"]
        if debias:
            self.weights = (1 - m) * self.weights + m
        for running, new, total in zip((self.running_mean, self.running_var), (mean, variance), self.debiased):
            if not debias:
                running.mul_(1 - m).add_(new, alpha=m)
            elif self.weights > 0:
                running.copy_(total.mul_(1 - m).add_(new, alpha=m) / self.weights)


def norms(model):
    return {name: layer for name, layer in model.named_modules() if isinstance(layer, BatchNorm)}


def prepare(path):
    """The network of a file, with modes in its batch-norm layers and frozen as the file says."""
    tensors, header = read(path)
    model = UNetResNet50(header)
    model.load_state_dict(tensors)
    options = json.loads(header["options"])
    for part, own in ((model.encoder, options["encoder"]["batch_norm"]), (model.decoder, options["batch_norm"])):
        for name, layer in list(part.named_children()):
            if isinstance(layer, nn.BatchNorm2d):
                setattr(part, name, BatchNorm(layer, own))
    layers = norms(model)
    for mode, names in json.loads(header.get("batch_norm_modes", "{}")).items():
        for name in names:
            layers[name].set_mode(mode)
    if "options" in header:
        frozen = set(json.loads(header.get("frozen", "[]")))
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(name not in frozen)
    return model


def describe(model):
    """Writes modes and what is frozen into the header, which then goes through to the saved file."""
    modes = collections.defaultdict(list)
    for name, layer in norms(model).items():
        if layer.mode != "Trainable":
            modes[layer.mode].append(name)
    frozen = [name for name, parameter in model.named_parameters() if not parameter.requires_grad]
    for key, value in (("batch_norm_modes", modes), ("frozen", frozen)):
        model.header.pop(key, None)
        if value:
            model.header[key] = json.dumps(value)


# --------------------------------------------------------------------------------------------------------------------- data

def decode(path):
    """Pixels of a PNG or JPEG file, upright, (H, W) if it is grey and (H, W, 3) otherwise; transparent ones are blended with black."""
    try:
        with Image.open(path) as image:
            image = ImageOps.exif_transpose(image)
            if image.mode.startswith("I"):
                return (np.asarray(image) >> 8).astype(np.uint8)
            if image.mode in ("LA", "RGBA", "PA") or "transparency" in image.info:
                rgba = np.asarray(image.convert("RGBA")).astype(np.uint32)
                return ((rgba[..., :3] * rgba[..., 3:] + 127) // 255).astype(np.uint8)
            return np.asarray(image.convert("L" if image.mode in ("1", "L") else "RGB"))
    except (OSError, ValueError) as error:
        raise Refusal(f"{path} cannot be read ({error}). Expected: a complete PNG or JPEG image. "
                      "Replace the file by a sound copy, or remove it.", False) from error


def resample(values, size, axis):
    """Area average where an axis shrinks, linear where it grows, in double precision and in the order of the kit's: the same bytes."""
    n = values.shape[axis]
    scale, place = n / size, np.arange(size)
    if size < n:
        start, end = place * scale, (place + 1) * scale
        first = start.astype(int)
        last = np.minimum(n - 1, np.ceil(end).astype(int) - 1)
        k = np.arange((last - first).max() + 1)
        position = first[:, None] + k
        taps = np.maximum(0, np.minimum(end[:, None], position + 1) - np.maximum(start[:, None], position)) / scale * (k <= (last - first)[:, None])
    else:
        centre = np.clip((place + 0.5) * scale - 0.5, 0, n - 1)
        first = np.minimum(centre.astype(int), max(0, n - 2))
        taps = np.stack([1 - (centre - first), centre - first], 1)
    shape = [1] * values.ndim
    shape[axis] = size
    total = np.zeros(1)
    for k in range(taps.shape[1]):
        total = total + taps[:, k].reshape(shape) * np.take(values, np.minimum(first + k, n - 1), axis)
    return total


def resize(pixels, side):
    if pixels.shape[:2] == (side, side):
        return pixels
    return np.clip(np.floor(resample(resample(pixels.astype(np.float64), side, 1), side, 0) + 0.5), 0, 255).astype(np.uint8)


def grey(pixels):
    weighted = pixels.astype(np.uint32) @ np.array([299, 587, 114], np.uint32) if pixels.ndim == 3 else None
    return pixels if weighted is None else ((weighted + 500) // 1000).astype(np.uint8)


def pair(images, masks, suffix=""):
    """Images and their masks by name, in the order of the names."""
    def files(folder, what):
        if not os.path.isdir(folder):
            raise Refusal(f"{folder} does not exist. Expected: a folder of {what}. Check the path.")
        paths = sorted(p for p in glob.glob(os.path.join(glob.escape(folder), "*")) if p.lower().endswith((".png", ".jpg", ".jpeg")))
        return {os.path.splitext(os.path.basename(p))[0]: p for p in paths}

    pictures, found = files(images, "images"), files(masks, "masks")
    if images == masks:
        pictures = {name: path for name, path in pictures.items() if not name.endswith(suffix)}
    pairs = [(name, pictures[name], found.get(name + suffix)) for name in sorted(pictures)]
    if not pairs:
        raise Refusal(f"{images} holds no images. Expected: files named *.png, *.jpg or *.jpeg. Check the path.")
    for name, picture, mask in pairs:
        if mask is None:
            raise Refusal(f"{picture} has no mask. Expected: {os.path.join(masks, name + suffix)}.png. Add the mask, or remove the image.")
    return pairs


class Data:
    """Training and validation samples (name, image, mask), read when they are needed and kept up to 2 GB."""

    def __init__(self, args, model, device):
        self.side, self.device, self.threshold = args.side, device, args.mask_threshold
        self.classes = json.loads(model.header["options"])["classes"]
        name = args.preprocessing or model.header.get("preprocessing")
        if name not in PREPROCESSING:
            raise Refusal(f"The file does not say how its images were preprocessed. Say it with --preprocessing: {', '.join(PREPROCESSING)}.")
        self.preprocessing, self.kept, self.room = name, {}, 2e9
        pairs = pair(args.images, args.masks, args.mask_suffix)
        if args.split:
            by_name = {sample[0]: sample for sample in pairs}
            with open(args.split, newline="", encoding="utf-8") as file:
                rows = list(csv.DictReader(file))
            if not rows or not {"name", "part"} <= set(rows[0]):
                raise Refusal(f"{args.split} has no columns 'name' and 'part'. Expected: a line for each image with part train or validation.")
            lost = [row["name"] for row in rows if row["name"] not in by_name]
            if lost:
                raise Refusal(f"{args.split} names '{lost[0]}', and {args.images} has no such image. Correct the table, or add the image.")
            self.training, self.validation = ([by_name[r["name"]] for r in rows if r["part"] == part] for part in ("train", "validation"))
        elif args.validation_images and args.validation_masks:
            self.training, self.validation = pairs, pair(args.validation_images, args.validation_masks, args.mask_suffix)
        else:
            raise Refusal("Say what validates: --split FILE (a CSV with the columns name and part), or --validation-images DIR --validation-masks DIR.")
        if not self.training or not self.validation:
            raise Refusal(f"There are {len(self.training)} training and {len(self.validation)} validation images; each needs at least one.")

    def sample(self, sample):
        name, picture, mask_path = sample
        if name + picture in self.kept:
            return self.kept[name + picture]
        image, mask = decode(picture), grey(decode(mask_path))
        if image.shape[:2] != mask.shape:
            raise Refusal(f"{mask_path} is {mask.shape[1]}x{mask.shape[0]} pixels. Expected: the size of its image {picture}, "
                          f"{image.shape[1]}x{image.shape[0]}.", False)
        image = resize(image, self.side)
        image = image.transpose(2, 0, 1) if image.ndim == 3 else np.repeat(image[None], 3, 0)
        if self.classes == 1:
            if 0 < mask.max() <= self.threshold:
                raise Refusal(f"{mask_path} has no value above {mask.max()}. Expected: foreground above {self.threshold}. See --mask-threshold.", False)
            mask = (resize(np.where(mask > self.threshold, 255, 0).astype(np.uint8), self.side) > 127).astype(np.uint8)
        else:
            wrong = mask[(mask >= self.classes) & (mask != 255)]
            if len(wrong):
                raise Refusal(f"{mask_path} has the value {wrong[0]}. Expected: numbers of classes, 0 to {self.classes - 1}, "
                              "or 255 where a pixel does not count.", False)
            rows, columns = (((np.arange(self.side) + 0.5) * n / self.side).astype(int) for n in mask.shape)
            mask = mask[rows][:, columns]
        if self.room > 0:
            self.kept[name + picture] = image, mask
            self.room -= image.nbytes + mask.nbytes
        return image, mask

    def batch(self, samples):
        pictures, masks = zip(*map(self.sample, samples))
        images, masks = torch.from_numpy(np.stack(pictures)).to(self.device).float(), torch.from_numpy(np.stack(masks)).to(self.device)
        bgr, divisor, means, deviations = PREPROCESSING[self.preprocessing]
        means, deviations = (torch.tensor(v, device=self.device).float()[:, None, None] for v in (means, deviations))
        images = ((images.flip(1) if bgr else images) / divisor - means) / deviations
        return images, masks[:, None].float() if self.classes == 1 else masks.long()

    def batches(self, lists):
        """Tensors of lists of samples; a thread reads two lists ahead."""
        with ThreadPoolExecutor(1) as pool:
            pending = collections.deque()
            for samples in lists:
                pending.append(pool.submit(self.batch, samples))
                if len(pending) > 2:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()


def order(count, seed, epoch):
    """The kit's shuffle: SplitMix64 (Steele, Lea, Flood 2014) from two keys, then Fisher-Yates."""
    state = 0

    def bits():
        nonlocal state
        state = (state + 0x9E3779B97F4A7C15) % 2**64
        z = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ z >> 27) * 0x94D049BB133111EB % 2**64
        return z ^ z >> 31

    for key in (seed, epoch):
        state ^= key % 2**32
        state = bits()
    places = list(range(count))
    for i in range(count - 1, 0, -1):
        k = bits() * (i + 1) >> 64
        places[i], places[k] = places[k], places[i]
    return places


def cut(samples, size, drop_last=False):
    lists = [samples[i:i + size] for i in range(0, len(samples), size)]
    return [part for part in lists if len(part) == size] if drop_last else lists


# -------------------------------------------------------------------------------------------------------- losses and scores

def loss_terms(name, logits, masks):
    """Pairs (sum, count) whose quotients add up to the loss: sums and counts of several processes can be added, means cannot."""
    if logits.shape[1] > 1:
        return [(F.cross_entropy(logits, masks, ignore_index=255, reduction="sum"), int((masks != 255).sum()))]
    terms = []
    if "bce" in name:
        terms.append((F.binary_cross_entropy_with_logits(logits, masks, reduction="sum"), masks.numel()))
    if "dice" in name:
        p = logits.sigmoid()
        both, total = (p * masks).sum((1, 2, 3)), p.sum((1, 2, 3)) + masks.sum((1, 2, 3))
        terms.append(((1 - (2 * both + 1) / (total + 1)).sum(), len(masks)))
    return terms


def figure_sums(logits, masks):
    """What the scores follow from: sums of IoU and Dice over the images, or the confusion matrix."""
    if logits.shape[1] > 1:
        counted, classes = masks != 255, logits.shape[1]
        return torch.bincount((masks * classes + logits.argmax(1))[counted], minlength=classes * classes).double()
    predicted, there = logits > 0, masks > 0.5
    both, either = ((f(predicted, there)).sum((1, 2, 3)).double() for f in (torch.logical_and, torch.logical_or))
    nothing = (either == 0).double()
    return torch.stack([(nothing + both / either.clamp(min=1)).sum(), (nothing + 2 * both / (both + either).clamp(min=1)).sum()])


def scores(sums, classes):
    """Loss and figures from (loss times samples, samples, figure sums)."""
    loss, n, sums = sums[0] / sums[1], sums[1], sums[2:]
    if classes == 1:
        return {"loss": float(loss), "IoU": float(sums[0] / n), "Dice": float(sums[1] / n)}
    matrix = sums.reshape(classes, classes)
    union = matrix.sum(0) + matrix.sum(1) - matrix.diagonal()
    each = [float(matrix[c, c] / union[c]) if union[c] > 0 else math.nan for c in range(classes)]
    known = [value for value in each if not math.isnan(value)]
    return {"loss": float(loss), "mean IoU": sum(known) / len(known) if known else math.nan, **{f"IoU of class {c}": value for c, value in enumerate(each)}}


def no_sums(classes):
    return torch.zeros(2 + (2 if classes == 1 else classes * classes), dtype=torch.float64)


@torch.no_grad()
def score(model, data, samples, args):
    """In inference mode, each image once, the batches divided among the processes."""
    rank, size = world()
    model.eval()
    sums = no_sums(data.classes).to(data.device)
    for images, masks in data.batches(cut(samples, args.batch_size)[rank::size]):
        logits, n = model(images), len(images)
        loss = sum(float(total) / max(1, count) for total, count in loss_terms(args.loss, logits, masks))
        sums += torch.cat([torch.tensor([loss * n, n], dtype=torch.float64, device=data.device), figure_sums(logits, masks)])
    return scores(all_sum(sums).cpu(), data.classes)


def text(figures):
    return ", ".join(f"{name} {value:.4f}" if name == "loss" else f"{name} {value:.3f}" for name, value in figures.items())


@torch.no_grad()
def recalibrate(model, data, args):
    """Running statistics of the training images: every process counts its share of the batches, and the moments are added up by one all_reduce.

    One pass in which every layer normalises by its batch, as in training; 'lab recalibrate' does the same, in shards too. The batches are those of
    one process, so that the result does not depend on how many there are.
    """
    rank, size = world()
    layers = norms(model)
    moments = {name: torch.zeros(3, layer.num_features, dtype=torch.float64, device=data.device) for name, layer in layers.items()}

    def count(name):
        def hook(_, inputs):
            x = inputs[0]
            n = x.numel() // x.shape[1]
            variance, mean = (v.double() for v in torch.var_mean(x, (0, 2, 3), unbiased=False))
            moments[name] += torch.stack([torch.full_like(mean, n), n * mean, n * (variance + mean.square())])
        return hook

    modes = {name: layer.mode for name, layer in layers.items()}
    hooks = [layer.register_forward_pre_hook(count(name)) for name, layer in layers.items()]
    try:
        model.eval()
        for layer in layers.values():
            layer.mode = "BatchOnly"
        for images, _ in data.batches(cut(data.training, args.batch_size)[rank::size]):
            model(images)
    finally:
        for hook in hooks:
            hook.remove()
        for name, layer in layers.items():
            layer.mode = modes[name]
    sums = all_sum(torch.cat(list(moments.values()), 1))
    for layer, (n, total, squares) in zip(layers.values(), sums.split([layer.num_features for layer in layers.values()], 1)):
        layer.running_mean.copy_(total / n)
        layer.running_var.copy_((squares / n - (total / n).square()).clamp(min=0))


# -------------------------------------------------------------------------------------------------------------- checkpoints

def checksum(tensors, state):
    digest = hashlib.sha256(state.encode())
    for name in sorted(tensors):
        digest.update(name.encode() + tensors[name].detach().cpu().float().contiguous().numpy().tobytes())
    return digest.hexdigest()


def checkpoints(folder):
    return sorted(glob.glob(os.path.join(glob.escape(folder), "checkpoint-*.safetensors")))


def write_checkpoint(folder, model, optimizer, progress, settings):
    """Everything that the next step depends on, in one file; the newest two are kept."""
    tensors = {n: t for n, t in model.state_dict().items() if not n.endswith(".num_batches_tracked")}
    for name, layer in norms(model).items():
        tensors["debiased." + name] = layer.debiased
    for name, parameter in model.named_parameters():
        for key in ("exp_avg", "exp_avg_sq", "step"):
            if parameter in optimizer.state:
                tensors[f"adam.{name}.{key}"] = torch.as_tensor(optimizer.state[parameter][key])
    state = json.dumps({"settings": settings, "progress": progress, "weights": {name: layer.weights for name, layer in norms(model).items()}}, sort_keys=True)
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, f"checkpoint-{progress['step']:08d}.safetensors")
    write(path, tensors, {**model.header, "state": state, "sha256": checksum(tensors, state)})
    for old in checkpoints(folder)[:-2]:
        os.remove(old)
    return path


def newest_checkpoint(folder):
    """The newest file that is whole, or None."""
    for path in reversed(checkpoints(folder)):
        try:
            tensors, settings = read(path)
            if checksum(tensors, settings["state"]) != settings["sha256"]:
                raise ValueError("its checksum is not that of its content")
            return path
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            line(f"{path} is damaged ({error}): taking the one before it.", sys.stderr)
    return None


def resume(folder, model, optimizer, settings):
    """Goes on from the newest good checkpoint, which the first process chooses; gives the progress, or None where there is no checkpoint."""
    choice = [newest_checkpoint(folder) if world()[0] == 0 else None]
    if dist.is_initialized():
        dist.broadcast_object_list(choice, 0)
    if choice[0] is None:
        return None
    tensors, header = read(choice[0])
    state = json.loads(header["state"])
    for name, value in settings.items():
        if state["settings"].get(name) != value:
            raise Refusal(f"{choice[0]} was written with {name} = {state['settings'].get(name)}, and now it is {value}. "
                          "Go on with the same settings, or begin anew in another folder of --checkpoints.")
    model.load_state_dict({name: tensors[name] for name in model.state_dict() if name in tensors}, strict=False)
    for name, layer in norms(model).items():
        layer.debiased.copy_(tensors["debiased." + name])
        layer.weights = state["weights"][name]
    for name, parameter in model.named_parameters():
        if f"adam.{name}.step" in tensors:
            moments = {key: tensors[f"adam.{name}.{key}"].clone() for key in ("exp_avg", "exp_avg_sq", "step")}
            optimizer.state[parameter] = {key: value if key == "step" else value.to(parameter.device) for key, value in moments.items()}
    say(f"resumed after step {state['progress']['step']} from {choice[0]}")
    return state["progress"]


# ----------------------------------------------------------------------------------------------------------------- training

def train(args, device):
    rank, size = world()
    model = prepare(args.weights).to(device)
    if args.frozen:
        model.encoder.requires_grad_(args.frozen == "Trainable")
        for name, layer in norms(model).items():
            if name.startswith("encoder."):
                layer.set_mode(args.frozen)
    for name, layer in norms(model).items():
        if args.decoder_norm and name.startswith("decoder."):
            layer.set_mode(args.decoder_norm)
    BatchNorm.synchronised = args.sync_batch_norm
    data = Data(args, model, device)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if args.epochs and not trained:
        raise Refusal("No parameter receives gradients, so there is nothing to train. Unfreeze a part: --frozen, --decoder-norm, or the file itself.")
    per_epoch = cut(data.training, args.batch_size, args.drop_last)
    if args.epochs and (not per_epoch or min(map(len, per_epoch)) < size):
        raise Refusal(f"Each of {size} processes needs an image of every batch, and {len(data.training)} images in batches of {args.batch_size} "
                      "do not give that. Change --batch-size, or leave the incomplete batch out with --drop-last.")
    with open(args.weights, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    names = hashlib.sha256(json.dumps([sample[0] for sample in data.training]).encode()).hexdigest()
    settings = {"--weights": digest, "the images": names, "--preprocessing": data.preprocessing}
    for key in ("frozen", "decoder_norm", "sync_batch_norm", "side", "batch_size", "drop_last", "epochs", "learning_rate", "schedule", "loss", "seed"):
        settings["--" + key.replace("_", "-")] = getattr(args, key)

    optimizer = torch.optim.Adam(trained, args.learning_rate) if trained else None
    progress = {"step": 0, "epoch": 1, "batch": 0, "sums": no_sums(data.classes).tolist()}
    if args.resume:
        progress = resume(args.checkpoints, model, optimizer, settings) or progress
    elif args.checkpoints and checkpoints(args.checkpoints):
        raise Refusal(f"{args.checkpoints} holds checkpoints already. Go on with --resume, or name another folder.")
    line(f"process {rank + 1} of {size}: pid {os.getpid()}, {device}, threads {torch.get_num_threads()}")
    log = open(args.log, "a", encoding="utf-8") if args.log and rank == 0 else None

    def record(**entry):
        if log:
            print(json.dumps(entry), file=log, flush=True)

    def checkpoint():
        if args.checkpoints and rank == 0:
            say(f"checkpoint {write_checkpoint(args.checkpoints, model, optimizer, progress, settings)}")

    if args.epochs:
        network = DistributedDataParallel(model, device_ids=[device] if device.type == "cuda" else None) if dist.is_initialized() else model
        while progress["epoch"] <= args.epochs and (args.steps is None or progress["step"] < args.steps):
            began = time.perf_counter()
            train_epoch(args, network, model, optimizer, data, progress, record, checkpoint)
            if progress["batch"] < len(per_epoch):
                break
            first_process_decides(model)
            entry = {
                "epoch": progress["epoch"],
                "training": scores(torch.tensor(progress["sums"], dtype=torch.float64), data.classes),
                "validation": score(model, data, data.validation, args),
                "training_in_inference_mode": score(model, data, data.training, args),
                "seconds": time.perf_counter() - began,
            }
            record(**entry)
            say(f"epoch {entry['epoch']}: training {text(entry['training'])}; validation {text(entry['validation'])}; "
                f"training images in inference mode {text(entry['training_in_inference_mode'])}; {entry['seconds']:.1f} s")
            progress.update(epoch=progress["epoch"] + 1, batch=0, sums=no_sums(data.classes).tolist())
            checkpoint()
    first_process_decides(model)
    if args.recalibrate:
        recalibrate(model, data, args)
        say(f"recalibrated on {len(data.training)} images; validation {text(score(model, data, data.validation, args))}")
    elif not args.epochs:
        say(f"validation {text(score(model, data, data.validation, args))}; training images in inference mode {text(score(model, data, data.training, args))}")
    if args.output and rank == 0:
        describe(model)
        save(model, args.output)
        say(f"written: {args.output}")


def train_epoch(args, network, model, optimizer, data, progress, record, checkpoint):
    """The rest of an epoch, up to --steps."""
    rank, size = world()
    network.train()
    places = order(len(data.training), args.seed, progress["epoch"])
    batches = cut([data.training[place] for place in places], args.batch_size, args.drop_last)
    shares = [part[len(part) * rank // size:len(part) * (rank + 1) // size] for part in batches[progress["batch"]:]]
    if args.steps is not None:
        shares = shares[:args.steps - progress["step"]]
    asked = time.perf_counter()
    for images, masks in data.batches(shares):
        began = time.perf_counter()
        done = (progress["epoch"] - 1 + progress["batch"] / len(batches)) / args.epochs
        rate = args.learning_rate * ((1 + math.cos(math.pi * done)) / 2 if args.schedule == "cosine" else 1)
        for group in optimizer.param_groups:
            group["lr"] = rate
        # Dropout that a resumed run repeats, and that differs between processes.
        torch.manual_seed((args.seed * 1_000_003 + progress["step"]) * 4096 + rank)
        logits = network(images)
        terms = loss_terms(args.loss, logits, masks)
        sums = [value for total, count in terms for value in (float(total.detach()), count)] + [len(images)]
        sums = all_sum(torch.cat([torch.tensor(sums, dtype=torch.float64, device=data.device), figure_sums(logits.detach(), masks)]))
        counts = [max(1.0, float(sums[2 * i + 1])) for i in range(len(terms))]
        loss = sum(float(sums[2 * i]) / count for i, count in enumerate(counts))
        if not math.isfinite(loss):
            raise Refusal(f"The loss became {loss} in epoch {progress['epoch']}, batch {progress['batch'] + 1}, at learning rate {rate:g}. "
                          "Lower the learning rate, or look at the images of that batch.")
        optimizer.zero_grad(set_to_none=True)
        # DistributedDataParallel takes the mean of the processes' gradients; the loss is a mean over the whole batch.
        sum(total * (size / count) for (total, _), count in zip(terms, counts)).backward()
        optimizer.step()
        n, figures = float(sums[2 * len(terms)]), sums[2 * len(terms) + 1:].tolist()
        progress["sums"] = [a + b for a, b in zip(progress["sums"], [loss * n, n, *figures])]
        progress["step"] += 1
        progress["batch"] += 1
        ended = time.perf_counter()
        record(step=progress["step"], epoch=progress["epoch"], loss=loss, rate=rate, seconds=ended - began, waited=began - asked)
        asked = ended
        if args.checkpoint_every and progress["step"] % args.checkpoint_every == 0 and progress["batch"] < len(batches):
            checkpoint()


# ---------------------------------------------------------------------------------------------------------------- arguments

def parse(arguments):
    parser = argparse.ArgumentParser(description="Trains the U-Net of model.safetensors, in one process or in many (torchrun).")
    here = os.path.dirname(os.path.abspath(__file__))
    parser.add_argument("--weights", default=os.path.join(here, "model.safetensors"), help="file of 'lab export', of unet.Save or of an earlier run")
    parser.add_argument("--images", required=True, help="folder of PNG and JPEG images")
    parser.add_argument("--masks", required=True, help="folder of masks of the same names")
    parser.add_argument("--split", help="CSV with the columns name and part (train, validation)")
    parser.add_argument("--validation-images", help="instead of --split: folder of validation images")
    parser.add_argument("--validation-masks", help="and of their masks")
    parser.add_argument("--mask-suffix", default="", help="what a mask's name has more than its image's")
    parser.add_argument("--mask-threshold", type=int, default=127, help="mask values above it are foreground")
    parser.add_argument("--preprocessing", choices=list(PREPROCESSING), help="default: as the file says")
    parser.add_argument("--side", type=int, default=96, help="side of the images, a multiple of 32")
    parser.add_argument("--frozen", choices=list(MODES), help="freezes the encoder, its batch norm in this mode; Trainable unfreezes it; default: as the file says")
    parser.add_argument("--decoder-norm", choices=list(MODES), help="what the decoder's batch norm does; default: as the file says")
    parser.add_argument("--sync-batch-norm", action="store_true", help="normalise by the whole batch instead of a process's part of it, on CPUs too")
    parser.add_argument("--loss", choices=["bce", "dice", "bce-dice"], default="bce", help="of one class; several classes have softmax cross-entropy")
    parser.add_argument("--batch-size", type=int, default=10, help="images of a batch, of all processes together")
    parser.add_argument("--drop-last", action="store_true", help="leave a last batch out that is not full")
    parser.add_argument("--epochs", type=int, default=16, help="0 only scores, and recalibrates if asked")
    parser.add_argument("--steps", type=int, help="stop after so many steps; the schedule is still that of --epochs")
    parser.add_argument("--learning-rate", type=float, default=4e-3)
    parser.add_argument("--schedule", choices=["cosine", "constant"], default="cosine")
    parser.add_argument("--seed", type=int, default=0, help="of order and dropout")
    parser.add_argument("--recalibrate", action="store_true", help="at the end, count running statistics anew on the training images")
    parser.add_argument("--output", help="the trained network")
    parser.add_argument("--checkpoints", help="folder; after every epoch a file that --resume goes on from")
    parser.add_argument("--checkpoint-every", type=int, metavar="STEPS", help="also within an epoch")
    parser.add_argument("--resume", action="store_true", help="go on from the newest good checkpoint, if there is one")
    parser.add_argument("--log", help="file to which a line of JSON is added for every step (seconds: computing; waited: for images) and epoch")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--threads", type=int, help="of this process on the CPU")
    args = parser.parse_args(arguments)
    if args.side < 32 or args.side % 32:
        parser.error(f"--side is {args.side} and must be a multiple of 32: the encoder halves it five times")
    if args.batch_size < 1 or args.epochs < 0:
        parser.error("--batch-size must be at least 1 and --epochs at least 0")
    if not 0 < args.learning_rate < math.inf:
        parser.error(f"--learning-rate is {args.learning_rate} and must be above 0")
    if (args.resume or args.checkpoint_every) and not args.checkpoints:
        parser.error("--resume and --checkpoint-every need --checkpoints DIR")
    return args


def start(args):
    """Joins the other processes, if torchrun started several, and chooses the device."""
    if args.device == "cuda" and not torch.cuda.is_available():
        raise Refusal("--device cuda, and PyTorch sees no GPU here. Use --device cpu, or a PyTorch with CUDA.", False)
    cuda = args.device != "cpu" and torch.cuda.is_available()
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0))) if cuda else torch.device("cpu")
    if cuda:
        torch.cuda.set_device(device)
    if int(os.environ.get("WORLD_SIZE", 1)) > 1 and not dist.is_initialized():
        dist.init_process_group("nccl" if cuda else "gloo")
    if args.threads:
        torch.set_num_threads(args.threads)
    return device


def main(arguments=None):
    args = parse(arguments)
    again = f" Its newest checkpoint is in {args.checkpoints}: go on with --resume." if args.checkpoints else ""

    def told_to_stop(*_):
        line(f"process {world()[0] + 1} was told to stop.{again}", sys.stderr)
        os._exit(1)

    signal.signal(signal.SIGTERM, told_to_stop)
    try:
        train(args, start(args))
    except Refusal as refusal:
        if not refusal.everywhere or world()[0] == 0:
            line(str(refusal), sys.stderr)
        return 2
    except RuntimeError as error:
        if not dist.is_initialized():
            raise
        # Whoever waits for a process that has died gets an error of the connection.
        line(f"process {world()[0] + 1} of {world()[1]} ends: {error}\nIf another process died, that is why.{again}", sys.stderr)
        os._exit(1)
    return 0


if __name__ == "__main__":
    code = main()
    if dist.is_initialized():
        dist.destroy_process_group()
    sys.exit(code)
