"""What bench/gpu_check finds on a machine: tools, libraries, versions. And running a command with a time limit."""

import glob
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TAIL_LINES = 25


class Outcome:
    """How a command ended: `status` is ok, failed or timed out; `output` is stdout and stderr together."""

    def __init__(self, status, code, output, seconds):
        self.status, self.code, self.output, self.seconds = status, code, output, seconds

    def tail(self):
        return self.output.splitlines()[-TAIL_LINES:]


class Running:
    """A command under way, in a process group of its own so that all of it can be ended."""

    def __init__(self, command, seconds, environment=None, folder=None):
        self.command, self.begin, self.limit = command, time.monotonic(), seconds
        self.process, self.failure = None, ""
        self.written = tempfile.TemporaryFile()  # a pipe that nobody empties would stop it
        try:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.written,
                                            stderr=subprocess.STDOUT, cwd=folder or ROOT, start_new_session=True,
                                            env=dict(os.environ, **(environment or {})))
        except OSError as error:
            self.failure = str(error)

    def outcome(self):
        if self.process is None:
            return Outcome("failed", None, self.failure, 0.0)
        try:
            self.process.wait(timeout=max(0.1, self.limit - (time.monotonic() - self.begin)))
            status = "ok" if self.process.returncode == 0 else "failed"
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            status = "timed out"
        self.written.seek(0)
        output = self.written.read().decode(errors="replace")
        self.written.close()
        return Outcome(status, self.process.returncode, output, time.monotonic() - self.begin)


def run(command, seconds, environment=None, folder=None):
    return Running(command, seconds, environment, folder).outcome()


def first_line(command, seconds=20):
    """The first line a command prints, None if it fails."""
    outcome = run(command, seconds)
    lines = [line.strip() for line in outcome.output.splitlines() if line.strip()]
    return lines[0] if outcome.status == "ok" and lines else None


def cores():
    return len(os.sched_getaffinity(0))


def find_program(name, *more):
    """Path of a program: on the PATH, or the newest match of the patterns."""
    found = shutil.which(name)
    for pattern in more:
        matches = sorted(path for path in glob.glob(pattern) if os.access(path, os.X_OK))
        found = found or (matches[-1] if matches else None)
    return found


def cuda_root():
    nvcc = find_program("nvcc", "/usr/local/cuda/bin/nvcc", "/usr/local/cuda-*/bin/nvcc", "/opt/cuda/bin/nvcc")
    return os.path.dirname(os.path.dirname(os.path.realpath(nvcc))) if nvcc else None


def tools():
    root = cuda_root() or "/usr/local/cuda"
    return {
        "nvcc": find_program("nvcc", root + "/bin/nvcc"),
        "compute-sanitizer": find_program("compute-sanitizer", root + "/bin/compute-sanitizer",
                                          root + "/compute-sanitizer/compute-sanitizer"),
        "ncu": find_program("ncu", root + "/bin/ncu", "/opt/nvidia/nsight-compute/*/ncu"),
        "nvidia-smi": find_program("nvidia-smi"),
        "cmake": find_program("cmake"),
        "ninja": find_program("ninja"),
    }


def python_packages_of_nvidia(python):
    """Folders NAME of nvidia/NAME beside that Python's packages: many machines have the libraries only there."""
    code = "import sys; print('\\n'.join(p for p in sys.path if p.endswith('-packages')))"
    outcome = run([python, "-c", code], 20)
    folders = [folder for line in outcome.output.splitlines() for folder in glob.glob(line.strip() + "/nvidia/*")]
    return [folder for folder in folders if os.path.isdir(folder)]


def library_folders(python):
    """Where CUDA's libraries may lie, the toolkit's before those of Python's packages."""
    root = cuda_root()
    folders = [root + "/lib64", root + "/lib", root + "/targets/x86_64-linux/lib"] if root else []
    for package in python_packages_of_nvidia(python):
        folders.append(package + "/lib")
    return [folder for folder in folders if os.path.isdir(folder) and glob.glob(folder + "/*.so*")]


def links_to(package, library, folder):
    """`folder` with the libraries of a Python package under the names that a linker looks for."""
    os.makedirs(folder, exist_ok=True)
    for path in glob.glob(package + "/lib/*.so*"):
        for name in {os.path.basename(path), re.sub(r"\.so.*$", ".so", os.path.basename(path))}:
            if not os.path.lexists(os.path.join(folder, name)):
                os.symlink(path, os.path.join(folder, name))
    return os.path.join(folder, library)


def cmake_libraries(python, work):
    """CMake's arguments for those of CUDA's libraries that only a Python package has."""
    includes = [(cuda_root() or "") + "/include", (cuda_root() or "") + "/targets/x86_64-linux/include", "/usr/include"]
    arguments = []
    for header, library, include_name, library_name in (
            ("cudnn.h", "libcudnn.so", "CUDNN_INCLUDE_DIR", "CUDNN_LIBRARY"),
            ("cublasLt.h", "libcublasLt.so", None, "CUDA_cublasLt_LIBRARY")):
        if any(os.path.exists(folder + "/" + header) for folder in includes):
            continue
        for package in python_packages_of_nvidia(python):
            if os.path.exists(package + "/include/" + header) and glob.glob(package + "/lib/" + library + "*"):
                path = links_to(package, library, os.path.join(work, "links", os.path.basename(package)))
                arguments.append("-D%s=%s" % (library_name, path))
                arguments.append("-D%s=%s/include" % (include_name, package) if include_name else
                                 "-DCMAKE_CXX_FLAGS=-isystem %s/include" % package)
                break
    return arguments


def missing_libraries(path, environment):
    """Names of shared libraries that the loader does not find for a program."""
    outcome = run(["ldd", path], 30, environment)
    return sorted(set(re.findall(r"^\s*(\S+) => not found", outcome.output, re.M)))


def gpu(tool):
    """What the driver says of the first GPU, None without one."""
    fields = ["name", "driver_version", "memory.total", "compute_cap", "clocks.max.sm", "clocks.max.mem", "power.limit"]
    line = first_line([tool, "--query-gpu=" + ",".join(fields), "--format=csv,noheader"]) if tool else None
    values = [value.strip() for value in line.split(",")] if line else []
    return dict(zip(fields, values)) if len(values) == len(fields) else None


def commit():
    name = first_line(["git", "-C", ROOT, "rev-parse", "HEAD"])
    if name is None:
        return os.environ.get("ORBITGRAD_COMMIT")
    changed = run(["git", "-C", ROOT, "status", "--porcelain", "--untracked-files=no"], 20).output.strip()
    return name + (" with changes" if changed else "")


def describe(found, python):
    processor = None
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            processor = next((line.split(": ", 1)[1].strip() for line in file if line.startswith("model name")), None)
    torch = "import torch; print(torch.__version__, torch.version.cuda, torch.cuda.is_available())"
    toolkit = run([found["nvcc"], "--version"], 20).output if found["nvcc"] else ""
    return {
        "gpu": gpu(found["nvidia-smi"]),
        "toolkit": (re.findall(r"release ([\d.]+, V[\d.]+)", toolkit) or [None])[0],
        "compiler": first_line([os.environ.get("CXX", "c++"), "--version"]),
        "cmake": first_line([found["cmake"], "--version"]) if found["cmake"] else None,
        "python": sys.version.split()[0],
        "torch": first_line([python, "-c", torch], 60),
        "processor": processor,
        "cores": cores(),
        "commit": commit(),
        "tools": found,
    }
