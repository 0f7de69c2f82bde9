#!/usr/bin/env python3
"""The training step of bench/device/step.cpp in PyTorch: the P4CNN with expanded filters, cross-entropy and Adam, from
the images, labels and weights that device_step exported. Eager, compiled and as a CUDA graph, in strict float32; and
eager and compiled as PyTorch comes, with TF32 in its convolutions. One JSON in the format of Google Benchmark.

  bench/pytorch_step.py --data step.safetensors --out pytorch.json
"""

import argparse
import json
import os
import struct
import time

import torch
import torch.nn.functional as F

KERNEL, POOLED_LAYER, LAYERS, ORDER = 3, 2, 6, 4
TYPES = {"F32": torch.float32, "F64": torch.float64, "I64": torch.int64, "I32": torch.int32}


def load(path):
    """The tensors of a safetensors file: header length, header in JSON, data."""
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        data = bytearray(file.read())
    tensors = {}
    for name, entry in header.items():
        if name != "__metadata__":
            begin, end = entry["data_offsets"]
            values = torch.frombuffer(data[begin:end], dtype=TYPES[entry["dtype"]])
            tensors[name] = values.reshape(entry["shape"]).clone()
    return tensors


def expand(weight):
    """[out, in, (4,) k, k] -> [4 out, in (4), k, k]: entry (k s, c t, u) is w[k, c, t - s, r^-s u]."""
    banks = []
    for s in range(ORDER):
        turned = torch.rot90(weight, s, dims=(-2, -1))
        banks.append(turned if weight.dim() == 4 else torch.roll(turned, s, dims=2))
    return torch.stack(banks, dim=1).flatten(0, 1).flatten(1, -3)


class P4cnn:
    """Six 3x3 layers with batch norm and ReLU, 2x2 max-pooling after the second, a 4x4 layer to ten fields, and the
    maximum over the group and what is left of the image."""

    def __init__(self, parameters):
        self.parameters = parameters

    def convolve(self, x, name):
        bias = self.parameters[name + ".bias"].repeat_interleave(ORDER)
        return F.conv2d(x, expand(self.parameters[name + ".weight"]), bias)

    def __call__(self, x):
        for layer in range(1, LAYERS + 1):
            x = self.convolve(x, "conv%d" % layer)
            n, channels, height, width = x.shape
            x = x.reshape(n, channels // ORDER, ORDER, height * width)
            gamma, beta = (self.parameters["norm%d.%s" % (layer, name)] for name in ("gamma", "beta"))
            x = F.batch_norm(x, None, None, gamma, beta, training=True)
            x = torch.relu(x).reshape(n, channels, height, width)
            if layer == POOLED_LAYER:
                x = F.max_pool2d(x, 2)
        x = self.convolve(x, "top")
        return x.reshape(x.shape[0], x.shape[1] // ORDER, -1).amax(dim=2)


class Training:
    """One network with its optimizer, from the exported weights."""

    def __init__(self, content, device, graphed=False, compiled=False):
        content = {name: tensor.to(device) for name, tensor in content.items()}
        self.images, self.labels = content.pop("images"), content.pop("labels")
        for tensor in content.values():
            tensor.requires_grad_()
        self.network = P4cnn(content)
        fused = {"fused": True} if device == "cuda" else {}
        self.optimizer = torch.optim.Adam(content.values(), lr=1e-3, capturable=graphed, **fused)
        self.forward = torch.compile(self.loss) if compiled else self.loss

    def loss(self):
        return F.cross_entropy(self.network(self.images), self.labels)

    def step(self):
        """The loss before the update."""
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.forward()
        loss.backward()
        self.optimizer.step()
        return loss.detach()


def graphed_step(content, steps):
    """Losses of the first steps, then a step replayed as one CUDA graph."""
    training = Training(content, "cuda", graphed=True)
    losses = []
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):  # a capture needs a few steps on another stream first
        for _ in range(3):
            losses.append(training.step().item())
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    training.optimizer.zero_grad(set_to_none=True)
    with torch.cuda.graph(graph):
        loss = training.step()
    for _ in range(max(0, steps - len(losses))):
        graph.replay()
        losses.append(loss.item())
    return losses[:steps], graph.replay


def seconds_of(call, device, seconds=0.2, samples=9):
    """Seconds a call, sorted."""
    def timed(count):
        if device == "cuda":
            begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
            begin.record()
            for _ in range(count):
                call()
            end.record()
            end.synchronize()
            return begin.elapsed_time(end) * 1e-3 / count
        start = time.perf_counter()
        for _ in range(count):
            call()
        return (time.perf_counter() - start) / count

    timed(3)
    count = max(1, int(seconds / max(timed(3), 1e-6)))
    return sorted(timed(count) for _ in range(samples))


def write(path, report):
    with open(path + ".part", "w", encoding="utf-8") as file:
        json.dump(report, file, indent=1)
    os.replace(path + ".part", path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--steps", type=int, default=5)
    options = parser.parse_args()
    content = load(options.data)
    batch = content["images"].shape[0]
    torch.backends.cudnn.benchmark = True
    report = {"context": {"executable": "pytorch_step", "torch": torch.__version__, "cuda": torch.version.cuda,
                          "cudnn": torch.backends.cudnn.version() if options.device == "cuda" else None},
              "benchmarks": []}
    modes = [("eager", False, False)]
    if options.device == "cuda":
        modes += [("graphed", False, False), ("eager_tf32", True, False), ("compiled", False, True),
                  ("compiled_tf32", True, True)]
    for name, tf32, compiled in modes:
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = tf32
        entry = {"name": "p4cnn/batch:%d/%s/%s" % (batch, options.device, name), "run_type": "iteration"}
        try:
            if name == "graphed":
                entry["losses"], call = graphed_step(content, options.steps)
            else:
                training = Training(content, options.device, compiled=compiled)
                entry["losses"] = [training.step().item() for _ in range(options.steps)]
                call = training.step
            times = seconds_of(call, options.device)
            median = times[len(times) // 2]
            entry.update({"real_time": median * 1e3, "time_unit": "ms", "ms": median * 1e3, "ms_low": times[0] * 1e3,
                          "ms_high": times[-1] * 1e3, "images/s": batch / median})
        except Exception as error:  # a mode that this PyTorch or GPU does not have shall not take the others along
            entry.update({"error_occurred": True, "error_message": "%s: %s" % (type(error).__name__, error)})
        report["benchmarks"].append(entry)
        write(options.out, report)
        print(entry["name"], entry.get("images/s", entry.get("error_message")), entry.get("losses"), flush=True)
    return 1 if all("error_occurred" in entry for entry in report["benchmarks"]) else 0


if __name__ == "__main__":
    raise SystemExit(main())
