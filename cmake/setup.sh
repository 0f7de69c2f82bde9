# Shared by ./quickstart and ./check: says what it installs, then installs what is missing. Source it, do not run it.
# shellcheck shell=bash
# shellcheck disable=SC2034  # the lists are used by the scripts that source this file

# What the build needs, as package or package:program; a program that is there already will do, whatever brought it.
build_packages=(g++:g++ cmake:cmake ninja-build:ninja ccache:ccache libopenblas-dev libdnnl-dev libfmt-dev libcli11-dev
  nlohmann-json3-dev zlib1g-dev libeigen3-dev)
test_packages=(libgtest-dev libbenchmark-dev clang-format:clang-format)

say() { printf '%s\n' "$*"; }
stop() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

is_there() {
  local package=${1%%:*} program=""
  [[ $1 == *:* ]] && program=${1#*:}
  if [[ -n $program ]] && command -v "$program" >/dev/null; then return 0; fi
  dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed
}

# install_missing PACKAGE... : installs those that are not there, with apt-get, as root or through sudo.
install_missing() {
  if [[ ${ORBITGRAD_SKIP_INSTALL:-0} == 1 ]]; then
    say "ORBITGRAD_SKIP_INSTALL=1: nothing is installed"
    return
  fi
  if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    stop "this system has no apt-get. Install the equivalents of these Debian packages: ${*%%:*}." \
      "Then run again with ORBITGRAD_SKIP_INSTALL=1."
  fi
  local entry missing=()
  for entry in "$@"; do
    is_there "$entry" || missing+=("${entry%%:*}")
  done
  if [[ ${#missing[@]} -eq 0 ]]; then
    say "packages: all there, nothing to install"
    return
  fi
  say "packages to install with apt-get: ${missing[*]}"
  local as_root=()
  if [[ $(id -u) -ne 0 ]]; then
    command -v sudo >/dev/null || stop "neither root nor sudo. As root, run: apt-get install ${missing[*]}"
    as_root=(sudo)
  fi
  local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=120)
  # Old lists are enough when they know the packages; a fresh system has none.
  "${apt[@]}" update || say "apt-get update failed: trying with the package lists that are there"
  "${apt[@]}" install -y --no-install-recommends "${missing[@]}" ||
    stop "apt-get could not install: ${missing[*]}. Its reason stands above."
}

require_cmake() {
  command -v cmake >/dev/null || stop "cmake was not found. Install CMake 3.25 or newer."
  local version
  version=$(cmake --version | sed -n '1s/[^0-9]*\([0-9][0-9.]*\).*/\1/p')
  if [[ $(printf '%s\n' 3.25 "$version" | sort -V | head -n 1) != 3.25 ]]; then
    stop "CMake 3.25 or newer is needed, found $version (Ubuntu 22.04 has 3.22)." \
      "Install a newer one, for example: snap install cmake --classic, or the packages of apt.kitware.com."
  fi
}
