#!/usr/bin/env python3
"""One p4 or p4m convolution in PyTorch's eager mode: filters expanded by an index, a plain convolution, and both
gradients by autograd; 3x3, padding 1, as many output as input fields, float32 on the CPU. Where escnn is installed, its
R2Conv on regular features as well. Before anything is timed the result is checked: a turned input gives the turned output.
Writes the medians as JSON.

  python3 bench/pytorch_group_convolution.py --group p4m --fields 8 --threads 1 --out result.json
"""

import argparse
import json
import time

import torch

try:
    import escnn
except ImportError:
    escnn = None


def product(a, b):
    return tuple(sum(a[2 * i + k] * b[2 * k + j] for k in range(2)) for i in range(2) for j in range(2))


def elements(group):
    """Matrices on offsets (row, col): turns by a quarter, then turns after the mirror."""
    turn, mirror, result = (0, -1, 1, 0), (1, 0, 0, -1), [(1, 0, 0, 1)]
    while len(result) < 4:
        result.append(product(turn, result[-1]))
    return result if group == "p4" else result + [product(mirror, h) for h in result]


def bank_index(group):
    """Where place (s, t, u) of the bank reads the base filter [S, 3, 3]."""
    members, entries = elements(group), []
    for h in members:
        inverse = next(g for g in members if product(g, h) == members[0])
        for t in members:
            element = members.index(product(inverse, t))
            for row in range(-1, 2):
                for col in range(-1, 2):
                    r, c = inverse[0] * row + inverse[1] * col, inverse[2] * row + inverse[3] * col
                    entries.append(element * 9 + (r + 1) * 3 + c + 1)
    return torch.tensor(entries)


class Layer:
    def __init__(self, group, fields, size, batch):
        self.order = len(elements(group))
        self.fields, self.size, self.group = fields, size, group
        self.index = bank_index(group)
        channels = fields * self.order
        torch.manual_seed(1)
        self.x = torch.randn(batch, channels, size, size, requires_grad=True)
        self.w = torch.randn(fields, fields, self.order, 3, 3, requires_grad=True)
        self.dy = torch.randn(batch, channels, size, size)
        self.ready = self.bank().detach().requires_grad_()

    def bank(self):
        k, s = self.fields, self.order
        flat = self.w.reshape(k, k, s * 9).index_select(2, self.index)
        return flat.reshape(k, k, s, s, 3, 3).permute(0, 2, 1, 3, 4, 5).reshape(k * s, k * s, 3, 3)

    def step(self):
        """Forward and both gradients, the expansion and its transpose counted."""
        y = torch.nn.functional.conv2d(self.x, self.bank(), padding=1)
        return torch.autograd.grad(y, (self.x, self.w), self.dy)

    def step_on_bank(self):
        y = torch.nn.functional.conv2d(self.x, self.ready, padding=1)
        return torch.autograd.grad(y, (self.x, self.ready), self.dy)

    def turned(self, x):
        """A quarter turn of all fields: (h x)[s, o] = x[h^-1 s, h^-1 o]."""
        members = elements(self.group)
        h = members[1]
        inverse = members[3]
        planes = x.reshape(x.shape[0], self.fields, self.order, self.size, self.size)
        planes = planes[:, :, [members.index(product(inverse, s)) for s in members]]
        size, far = self.size, self.size - 1
        rows, cols = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
        # offsets about the centre, doubled
        r, c = 2 * rows - far, 2 * cols - far
        source = ((inverse[0] * r + inverse[1] * c + far) // 2) * size + (inverse[2] * r + inverse[3] * c + far) // 2
        assert h != inverse
        return planes.flatten(-2)[..., source.flatten()].reshape(x.shape)

    def difference(self):
        with torch.no_grad():
            bank = self.bank()
            y = torch.nn.functional.conv2d(self.turned(self.x), bank, padding=1)
            expected = self.turned(torch.nn.functional.conv2d(self.x, bank, padding=1))
            return ((y - expected).abs().max() / expected.abs().max()).item()


class EscnnLayer:
    """The same convolution by escnn, which expands its filters from a basis in every step of training."""

    def __init__(self, group, fields, size, batch):
        space = escnn.gspaces.rot2dOnR2(4) if group == "p4" else escnn.gspaces.flipRot2dOnR2(4)
        self.space, kind = space, escnn.nn.FieldType(space, fields * [space.regular_repr])
        torch.manual_seed(1)
        self.layer = escnn.nn.R2Conv(kind, kind, kernel_size=3, padding=1, bias=False)
        self.x = escnn.nn.GeometricTensor(torch.randn(batch, kind.size, size, size, requires_grad=True), kind)
        self.dy = torch.randn(batch, kind.size, size, size)

    def step(self):
        y = self.layer(self.x).tensor
        return torch.autograd.grad(y, (self.x.tensor, self.layer.weights), self.dy)

    def difference(self):
        turn = list(self.space.testing_elements)[1]
        with torch.no_grad():
            expected = self.layer(self.x).transform(turn).tensor
            return ((self.layer(self.x.transform(turn)).tensor - expected).abs().max() / expected.abs().max()).item()


def checked(layer):
    difference = layer.difference()
    if not difference < 1e-4:
        raise SystemExit("a turned input does not give the turned output: relative difference %g" % difference)
    return layer


def samples_of(step, count, seconds, now):
    step(), step()
    begin = now()
    step()
    repetitions = max(1, int(seconds / max(now() - begin, 1e-6)))
    samples = []
    for _ in range(count):
        begin = now()
        for _ in range(repetitions):
            step()
        samples.append((now() - begin) / repetitions * 1e3)
    return samples


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--group", choices=["p4", "p4m"], required=True)
    parser.add_argument("--fields", type=int, required=True)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--samples", type=int, default=5)
    parser.add_argument("--sample-seconds", type=float, default=0.02)
    parser.add_argument("--out", required=True)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    shape = (options.group, options.fields, options.size, options.batch)
    layer = checked(Layer(*shape))
    steps = {"step": layer.step, "step_on_bank": layer.step_on_bank}
    result = {"torch": torch.__version__}
    if escnn is not None:
        result["escnn"] = escnn.__version__
        steps["step_of_escnn"] = checked(EscnnLayer(*shape)).step
    now = time.process_time if options.threads == 1 else time.perf_counter
    for name, step in steps.items():
        result[name] = samples_of(step, options.samples, options.sample_seconds, now)
    with open(options.out, "w", encoding="utf-8") as file:
        json.dump(result, file)


if __name__ == "__main__":
    main()
