#!/usr/bin/env python3
"""The training step of bench/device/step.cpp in PyTorch, with Adam, from the inputs and weights that device_step
exported; the P4CNN with expanded filters. On a GPU eager, compiled and as a CUDA graph, in strict float32; and eager and
compiled as PyTorch comes, with TF32 in its convolutions. On the cpu eager. One JSON in the format of Google Benchmark.

  bench/pytorch_step.py --data step.safetensors --out pytorch.json
"""

import argparse
import json
import os
import struct
import time

import torch

import pytorch_networks

TYPES = {"F32": torch.float32, "F64": torch.float64, "I64": torch.int64, "I32": torch.int32}


def load(path):
    """The tensors of a safetensors file and its metadata: header length, header in JSON, data."""
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        data = bytearray(file.read())
    tensors = {}
    for name, entry in header.items():
        if name != "__metadata__":
            begin, end = entry["data_offsets"]
            values = torch.frombuffer(data[begin:end], dtype=TYPES[entry["dtype"]])
            tensors[name] = values.reshape(entry["shape"]).clone()
    return tensors, header.get("__metadata__", {})


class Training:
    """One network with its optimizer, from the exported weights."""

    def __init__(self, name, content, device, graphed=False, compiled=False):
        content = {name: tensor.to(device) for name, tensor in content.items()}
        inputs = {name[6:]: content.pop(name) for name in list(content) if name.startswith("input.")}
        for key in content:
            content[key] = content[key].clone().requires_grad_()
        self.network = pytorch_networks.NETWORKS[name](content, inputs)
        fused = {"fused": True} if device == "cuda" else {}
        self.optimizer = torch.optim.Adam(content.values(), lr=1e-3, capturable=graphed, **fused)
        self.forward = torch.compile(self.network.loss) if compiled else self.network.loss

    def step(self):
        """The loss before the update."""
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.forward()
        loss.backward()
        self.optimizer.step()
        return loss.detach()


def graphed_step(name, content, steps):
    """Losses of the first steps, then a step replayed as one CUDA graph."""
    training = Training(name, content, "cuda", graphed=True)
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


def seconds_of(call, device, seconds, samples, clock):
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
        start = clock()
        for _ in range(count):
            call()
        return (clock() - start) / count

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
    parser.add_argument("--threads", type=int, default=0, help="of the host (default: all)")
    parser.add_argument("--samples", type=int, default=9)
    parser.add_argument("--sample-seconds", type=float, default=0.2)
    parser.add_argument("--processor-time", action="store_true", help="of the processor, instead of the clock's")
    options = parser.parse_args()
    content, metadata = load(options.data)
    network = metadata.get("network", "p4cnn")
    batch = len(content["input.images"]) if "input.images" in content else len(content["input.coordinates"]) // 5
    if options.threads > 0:
        torch.set_num_threads(options.threads)
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
        label = "%s/batch:%d/%s/%s" % (network, batch, options.device, name)
        if options.threads > 0:
            label += "/threads:%d" % options.threads
        entry = {"name": label, "run_type": "iteration"}
        try:
            if name == "graphed":
                entry["losses"], call = graphed_step(network, content, options.steps)
            else:
                training = Training(network, content, options.device, compiled=compiled)
                entry["losses"] = [training.step().item() for _ in range(options.steps)]
                call = training.step
            times = seconds_of(call, options.device, options.sample_seconds, options.samples,
                               time.process_time if options.processor_time else time.perf_counter)
            median = times[len(times) // 2]
            entry.update({"real_time": median * 1e3, "time_unit": "ms", "ms": median * 1e3, "ms_low": times[0] * 1e3,
                          "ms_high": times[-1] * 1e3, "samples_ms": [time * 1e3 for time in times],
                          "images/s": batch / median})
        except Exception as error:  # a mode that this PyTorch or GPU does not have shall not take the others along
            entry.update({"error_occurred": True, "error_message": "%s: %s" % (type(error).__name__, error)})
        report["benchmarks"].append(entry)
        write(options.out, report)
        print(entry["name"], entry.get("images/s", entry.get("error_message")), entry.get("losses"), flush=True)
    return 1 if all("error_occurred" in entry for entry in report["benchmarks"]) else 0


if __name__ == "__main__":
    raise SystemExit(main())
