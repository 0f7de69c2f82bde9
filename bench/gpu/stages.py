"""The stages of bench/gpu_check. Each takes the check and its seconds and returns what goes into the JSON: a dict with
`status` (ok, failed, timed out or skipped), `why` where it is not ok, and its results."""

import glob
import json
import os
import re
import time

from gpu import machine

# Kernel, problem and version whose counts on the GPU are held beside the simulator's.
COUNTED = [
    ("elementwise.binary", "128x128,b-transposed", "strided"),
    ("reduce.reduce", "256x128,over-columns", "tiles"),
    ("softmax.forward", "64x250", "warp_per_row"),
    ("gemm", "128x128x128", "register_tile"),
    ("group_conv2d.forward", "p4,batch2,fields4,8x8,3x3", "orbit_gather"),
]
METRICS = {
    "requests": ["l1tex__t_requests_pipe_lsu_mem_global_op_ld.sum", "l1tex__t_requests_pipe_lsu_mem_global_op_st.sum"],
    "sectors": ["l1tex__t_sectors_pipe_lsu_mem_global_op_ld.sum", "l1tex__t_sectors_pipe_lsu_mem_global_op_st.sum"],
    "wavefronts": ["l1tex__data_pipe_lsu_wavefronts_mem_shared.sum"],
    "threads": ["smsp__threads_launched.sum"],
    "dram_bytes": ["dram__bytes.sum"],
    "nanoseconds": ["gpu__time_duration.sum"],
}


def skipped(why):
    return {"status": "skipped", "why": why}


def of_outcome(outcome, **more):
    result = {"status": outcome.status, "seconds": round(outcome.seconds, 1), **more}
    if outcome.status != "ok":
        result["why"] = "ended with code %s" % outcome.code if outcome.status == "failed" else "the time was used up"
        result["log"] = outcome.tail()
    return result


def worst(parts):
    statuses = [part["status"] for part in parts]
    return next((status for status in ("failed", "timed out", "ok") if status in statuses), "skipped")


def read_json(path):
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError):
        return None


def build(check, seconds):
    """Configures and builds what the other stages need, for the compute capability of the GPU alone."""
    begin = time.monotonic()
    if check.options.build:
        return {"status": "ok", "why": "carried from elsewhere: " + check.options.build}
    found = check.tools
    if found["cmake"] is None or found["nvcc"] is None and check.device == "cuda":
        return {"status": "failed", "why": "cmake or nvcc was not found; carry a build with --build"}
    installed = None
    if not check.options.no_install:
        script = 'source cmake/setup.sh; install_missing "${build_packages[@]}" "${test_packages[@]}"'
        installed = machine.run(["bash", "-c", script], min(60, seconds / 3)).status
    capability = check.options.architectures or (check.machine["gpu"] or {}).get("compute_cap", "9.0").replace(".", "")
    arguments = [found["cmake"], "-S", machine.ROOT, "-B", check.build, "-DCMAKE_BUILD_TYPE=Release",
                 "-DORBITGRAD_CUDA=" + ("ON" if check.device == "cuda" else "OFF"),
                 "-DCMAKE_CUDA_ARCHITECTURES=%s-real" % capability]
    arguments += ["-G", "Ninja"] if found["ninja"] else []
    arguments += ["-DCMAKE_PREFIX_PATH=" + check.options.prefix] if check.options.prefix else []
    arguments += machine.cmake_libraries(check.options.python, check.work)
    if found["nvcc"]:
        arguments.append("-DCMAKE_CUDA_COMPILER=" + found["nvcc"])
    configured = machine.run(arguments, seconds - (time.monotonic() - begin))
    check.log("configure", configured)
    if configured.status != "ok":
        return of_outcome(configured, packages=installed)
    options = [line[3:] for line in configured.output.splitlines() if re.match(r"-- \S.*: (ON|OFF)", line)]
    targets = ["orbitgrad_program", "device_kernels", "device_step", "orbitgrad_traced"]
    if any(line.startswith("Tests: ON") for line in options):
        targets += ["test_kernels", "test_engine", "test_nn", "test_models"]
    keep_going = ["--", "-k", "0"] if found["ninja"] else ["--", "-k"]
    built = machine.run([found["cmake"], "--build", check.build, "--parallel", str(machine.cores()), "--target"] +
                        targets + keep_going, seconds - (time.monotonic() - begin))
    check.log("build", built)
    return of_outcome(built, architecture=capability, options=options, packages=installed)


def device(check, seconds):
    """Whether the programs start, find their libraries and see the device."""
    program = check.program("bench/device_kernels")
    if program is None:
        return {"status": "failed", "why": "bench/device_kernels was not built"}
    missing = machine.missing_libraries(program, check.environment)
    if missing:
        return {"status": "failed", "why": "shared libraries were not found: " + ", ".join(missing)}
    path = os.path.join(check.work, "device.json")
    command = [program, "--device", check.device, "--small", "--verify-only", "--kernel", "dropout", "--out", path]
    outcome = machine.run(command, seconds, check.environment)
    check.log("device", outcome)
    context = (read_json(path) or {}).get("context", {})
    return of_outcome(outcome, description=context.get("device_description"))


def test_result(path, outcome):
    """Counts and failures of one test program from its JSON, or from how it ended."""
    report = read_json(path)
    result = of_outcome(outcome)
    if report is None:
        return {**result, "tests": 0, "failed": [], "skipped": 0}
    cases = [case for suite in report["testsuites"] for case in suite["testsuite"] if case["status"] == "RUN"]
    failed = [{"name": "%s.%s" % (case["classname"], case["name"]), "message": case["failures"][0]["failure"][:600]}
              for case in cases if case.get("failures")]
    return {**result, "tests": len(cases), "failed": failed,
            "skipped": sum(case.get("result") == "SKIPPED" for case in cases)}


def tests(check, seconds):
    """All tests of the kernels, in shards, and those of the engine, the layers and the models with their tensors on the
    device. On a GPU without the tests of barriers, which are about the simulator alone and take long."""
    programs = [("test_kernels", max(1, machine.cores() // 3)), ("test_engine", 1), ("test_nn", 1), ("test_models", 1)]
    few = {"test_kernels": "Softmax*:BlockPool*", "test_engine": "Devices.*", "test_nn": "Optimizer*",
           "test_models": "-*"}
    running, parts = [], {}
    for name, shards in programs:
        path = check.program("tests/" + name)
        if path is None:
            parts[name] = skipped("was not built (GoogleTest missing, or the build failed)")
            continue
        for shard in range(shards):
            report = os.path.join(check.work, "%s_%d.json" % (name, shard))
            if os.path.exists(report):
                os.remove(report)
            environment = dict(check.environment, GTEST_TOTAL_SHARDS=str(shards), GTEST_SHARD_INDEX=str(shard),
                               ORBITGRAD_TEST_DEVICE=check.device, OMP_WAIT_POLICY="PASSIVE",
                               OMP_NUM_THREADS=str(max(1, machine.cores() // (shards + 3))))
            command = [path, "--gtest_brief=1", "--gtest_output=json:" + report]
            if check.options.quick:
                command.append("--gtest_filter=" + few[name])
            elif check.device == "cuda":
                command.append("--gtest_filter=-*Barrier*")
            running.append((name, report, machine.Running(command, seconds, environment)))
    for name, report, process in running:
        outcome = process.outcome()
        check.log(name, outcome)
        result = test_result(report, outcome)
        total = parts.setdefault(name, {"status": "ok", "tests": 0, "skipped": 0, "failed": []})
        total["status"] = worst([total, result])
        total["tests"] += result["tests"]
        total["skipped"] += result["skipped"]
        total["failed"] += result["failed"]
        if result["status"] != "ok" and not result["failed"]:
            total.setdefault("log", []).extend(result.get("log", []))
    return {"status": worst(parts.values()), "programs": parts}


def losing_and_winning(entries):
    """For each problem with a library's version: its best time over ours, above 1 where we are faster."""
    problems = {}
    for entry in entries:
        if "us" in entry:
            kernel, shape, version, _ = entry["name"].split("/")
            best = problems.setdefault((kernel, shape), {})
            side = "library" if entry.get("library") else "own"
            if version != "expanded" and (side not in best or entry["us"] < best[side][0]):
                best[side] = (entry["us"], version)
    return [{"problem": "%s/%s" % key, "ratio": best["library"][0] / best["own"][0], "own": best["own"][1],
             "library": best["library"][1]} for key, best in problems.items() if len(best) == 2]


def kernels(check, seconds):
    """Every version of the hand-written kernels, verified and timed, with the libraries beside them."""
    program = check.program("bench/device_kernels")
    path = os.path.join(check.out, "kernels.json")
    if os.path.exists(path):
        os.remove(path)
    command = [program, "--device", check.device, "--out", path, "--seconds", str(0.8 * seconds)]
    outcome = machine.run(command + (["--small"] if check.options.quick else []), seconds, check.environment)
    check.log("kernels", outcome)
    report = read_json(path) or {}
    ratios = losing_and_winning(report.get("benchmarks", []))
    result = of_outcome(outcome, report=report, against_libraries=ratios,
                        losing=[entry["problem"] for entry in ratios if entry["ratio"] < 1])
    left_out = report.get("context", {}).get("left_out", [])
    if left_out and result["status"] == "ok":
        result.update(status="timed out", why="%d problems were left out when the time was used up" % len(left_out))
    return result


def step(check, seconds):
    """A training step of the P4CNN at batch 128; --quick: at batch 4."""
    path, exported = os.path.join(check.out, "step.json"), os.path.join(check.work, "step.safetensors")
    command = [check.program("bench/device_step") or "bench/device_step", "--device", check.device, "--out", path,
               "--export", exported]
    outcome = machine.run(command + (["--batch", "4", "--steps", "2"] if check.options.quick else []), seconds,
                          check.environment)
    check.log("step", outcome)
    return of_outcome(outcome, report=read_json(path))


def pytorch(check, seconds):
    """The same steps by PyTorch: eager, compiled, and as a CUDA graph."""
    if check.machine["torch"] is None:
        return skipped("%s has no PyTorch" % check.options.python)
    path, exported = os.path.join(check.out, "pytorch.json"), os.path.join(check.work, "step.safetensors")
    if not os.path.exists(exported):
        return skipped("the stage step left no weights")
    command = [check.options.python, os.path.join(machine.ROOT, "bench/pytorch_step.py"), "--data", exported, "--out",
               path, "--device", "cuda" if check.device == "cuda" else "cpu"]
    outcome = machine.run(command, seconds)  # with its own libraries
    check.log("pytorch", outcome)
    report, ours = read_json(path), read_json(os.path.join(check.out, "step.json"))
    result = of_outcome(outcome, report=report)
    expected = next((entry["losses"] for entry in (ours or {}).get("benchmarks", []) if "losses" in entry), None)
    if report and expected:
        result["loss_difference"] = {
            entry["name"]: max(abs(a - b) / abs(b) for a, b in zip(expected, entry["losses"]))
            for entry in report["benchmarks"] if "losses" in entry}
    return result


def sanitizer(check, seconds):
    """compute-sanitizer's four tools on our own kernels and small problems; each block of memory is the driver's."""
    tool = check.tools["compute-sanitizer"]
    if check.device != "cuda":
        return skipped("needs a GPU")
    if tool is None:
        return skipped("compute-sanitizer was not found")
    names = ["memcheck", "racecheck", "synccheck", "initcheck"]
    program = [check.program("bench/device_kernels"), "--device", "cuda", "--small", "--verify-only", "--own"]
    environment = dict(check.environment, ORBITGRAD_CUDA_NO_POOL="1", OMP_NUM_THREADS="2")
    options = ["--error-exitcode", "99", "--print-limit", "20"]
    running = [machine.Running([tool, "--tool", name] + options + program, seconds, environment) for name in names]
    parts = {}
    for name, process in zip(names, running):
        outcome = process.outcome()
        check.log(name, outcome)
        parts[name] = of_outcome(outcome, summary=re.findall(r"=+ (.*SUMMARY.*)", outcome.output)[-2:])
    return {"status": worst(parts.values()), "tools": parts}


def counts_of_simulator(check, kernel, problem, version, seconds):
    """The counts of `orbitgrad bench --golden` for one version, by name."""
    program = check.program("orbitgrad")
    outcome = machine.run([program, "bench", kernel, "--golden"], seconds, check.environment)
    start = "%s %s %s: " % (kernel, version, problem)
    for line in outcome.output.splitlines():
        if line.startswith(start):
            words = line[len(start):].split()
            return {name: int(value) for name, value in zip(words[0::2], words[1::2])}
    return None


def counts_of_gpu(check, kernel, problem, version, seconds):
    """The same by Nsight Compute, summed over the launches."""
    program = [check.program("bench/device_kernels"), "--device", "cuda", "--small", "--launch-only",
               "--kernel", kernel, "--shape", problem, "--version", version]
    for groups in (list(METRICS), ["requests", "sectors"]):  # a name that this GPU lacks spoils the whole profile
        metrics = ",".join(metric for group in groups for metric in METRICS[group])
        outcome = machine.run([check.tools["ncu"], "--csv", "--page", "raw", "--print-units", "base", "--metrics",
                               metrics] + program, seconds / 2, check.environment)
        check.log("ncu " + kernel, outcome)
        counts = counts_of_csv(outcome.output)
        if counts:
            break
    return counts, outcome


def counts_of_csv(text):
    """Sums of each group of metrics over the rows of ncu's table; None if there is no table."""
    rows = [[cell.strip('"') for cell in re.findall(r'"[^"]*"|[^,]+', line)] for line in text.splitlines()
            if line.startswith('"')]
    header = next((row for row in rows if row[0] == "ID"), None)
    if header is None:
        return None
    sums = {}
    for row in rows[rows.index(header) + 1:]:
        if len(row) != len(header) or not row[0].isdigit():
            continue
        for group, members in METRICS.items():
            for metric in members:
                text_value = row[header.index(metric)].replace(",", "") if metric in header else ""
                if re.fullmatch(r"[\d.eE+-]+", text_value):
                    sums[group] = sums.get(group, 0) + float(text_value)
    return sums


def counters(check, seconds):
    """Nsight Compute's counters of five kernels beside the simulator's counts."""
    begin = time.monotonic()
    table, why = [], None
    if check.device != "cuda":
        why = "no GPU: the simulator's counts alone"
    elif check.tools["ncu"] is None:
        why = "ncu was not found: the simulator's counts alone"
    for kernel, problem, version in COUNTED[:1] if check.options.quick else COUNTED:
        left = seconds - (time.monotonic() - begin)
        if left < 2:
            return {"status": "timed out", "why": "the time was used up", "table": table}
        row = {"kernel": kernel, "problem": problem, "version": version,
               "simulator": counts_of_simulator(check, kernel, problem, version, left)}
        if why is None:
            row["gpu"], outcome = counts_of_gpu(check, kernel, problem, version, left)
            if row["gpu"] is None:
                row["log"] = outcome.tail()
        table.append(row)
    incomplete = any(row["simulator"] is None or (why is None and row["gpu"] is None) for row in table)
    result = {"status": "failed" if incomplete else "ok", "table": table}
    if why or incomplete:
        result["why"] = why or "a profile is missing, see its log"
    return result


def libraries_to_carry(path, environment):
    """What a program needs beyond the C++ runtime, CUDA and cuDNN, which the other machine has."""
    there = r"lib(c|m|dl|rt|pthread|gcc_s|stdc\+\+|gomp|cu\w*|nv\w*)\.so"
    found = re.findall(r"^\s*(\S+) => (/\S+)", machine.run(["ldd", path], 30, environment).output, re.M)
    return [(name, library) for name, library in found
            if not re.match(there, name) and not glob.glob(os.path.dirname(path) + "/" + name)]
